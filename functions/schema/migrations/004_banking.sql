-- banking: what customers asked for and what became of it.
create schema banking;

create table banking.operation (
    id            uuid        not null constraint operation_id primary key,
    kind          text        not null,
    account_id    uuid        not null,
    amount_minor  bigint      not null,
    currency      char(3)     not null,
    state         text        not null default 'PENDING',
    reason        text,
    balance_minor bigint,
    requested_at  timestamptz not null default now(),
    finished_at   timestamptz,
    constraint operation_kind_known check (kind in ('deposit', 'withdrawal')),
    constraint operation_amount_positive check (amount_minor > 0),
    constraint operation_state_known check (state in ('PENDING', 'COMPLETED', 'FAILED')),
    constraint failed_operation_has_reason check ((state = 'FAILED') = (reason is not null)),
    constraint finished_operation_has_time check ((state = 'PENDING') = (finished_at is null)),
    constraint completed_operation_has_balance check ((state = 'COMPLETED') = (balance_minor is not null))
);
create index operation_of_account on banking.operation (account_id, requested_at, id);

-- Enough about accounts to judge a request before it goes to the ledger. An
-- account may be heard to be closed before it is heard to be opened.
create table banking.account_projection (
    account_id  uuid    not null constraint account_projection_id primary key,
    customer_id uuid,
    currency    char(3),
    status      text    not null constraint account_projection_status_known check (status in ('open', 'closed'))
);

create function banking.operation_moves_forward() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if old.state <> 'PENDING' and new is distinct from old then
        raise exception 'a finished operation does not change'
            using errcode = 'check_violation', constraint = 'operation_moves_forward';
    end if;
    return new;
end $$;
create trigger operation_moves_forward before update on banking.operation
    for each row execute function banking.operation_moves_forward();

---- create above / drop below ----
drop schema banking cascade;
