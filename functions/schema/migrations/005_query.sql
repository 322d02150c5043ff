-- query: projections for reading, rebuilt from the outbox archive at will.
create schema query;

create table query.account_projection (
    account_id  uuid        not null constraint account_projection_id primary key,
    customer_id uuid,
    product     text,
    currency    char(3),
    status      text        not null default 'open',
    opened_at   timestamptz,
    closed_at   timestamptz,
    constraint account_projection_status_known check (status in ('open', 'closing', 'closed'))
);
create index account_projection_of_customer on query.account_projection (customer_id, account_id);

-- The balance after the latest posting seen; a later account_seq wins, an
-- earlier one changes nothing.
create table query.balance (
    account_id    uuid    not null constraint balance_of_account primary key,
    currency      char(3) not null,
    balance_minor bigint  not null,
    account_seq   bigint  not null
);

create table query.transaction (
    account_id    uuid        not null,
    account_seq   bigint      not null,
    kind          text        not null,
    reference     uuid        not null,
    amount_minor  bigint      not null,
    currency      char(3)     not null,
    balance_minor bigint      not null,
    occurred_at   timestamptz not null,
    constraint transaction_once primary key (account_id, account_seq),
    constraint transaction_kind_known check (kind in ('deposit', 'withdrawal', 'invoice'))
);

---- create above / drop below ----
drop schema query cascade;
