-- accounts: who has which account. The only place with personal data.
create schema accounts;

create table accounts.customer (
    id         uuid        not null constraint customer_id primary key,
    owner      uuid        not null,
    name       text        not null,
    email      text        not null,
    phone      text        not null,
    created_at timestamptz not null default now(),
    constraint customer_has_name check (name <> ''),
    constraint customer_has_email check (email like '%_@_%')
);
comment on column accounts.customer.owner is 'who registered it: the only one, besides operators, who sees it and what belongs to it';
create index customer_of_owner on accounts.customer (owner);

create table accounts.account (
    id          uuid        not null constraint account_id primary key,
    customer_id uuid        not null constraint account_has_customer references accounts.customer (id),
    product     text        not null,
    currency    char(3)     not null,
    opened_at   timestamptz not null default now(),
    constraint account_product_known check (product in ('simple-savings', 'current'))
);
create index account_of_customer on accounts.account (customer_id, opened_at, id);

---- create above / drop below ----
drop schema accounts cascade;
