-- query: the report. One line per transaction, whatever became of it, as it was
-- at the ledger's instant. A line never changes. xid is the transaction that
-- heard of it, so that a report may be frozen as of a snapshot: what was not
-- committed when the report was opened is never in it, whatever its time.
create table query.report_line (
    occurred_at    timestamptz not null,
    id             uuid        not null,
    kind           text        not null,
    src_account_id uuid,
    dst_account_id uuid        not null,
    direction      text        not null,
    amount_minor   bigint      not null,
    currency       char(3)     not null,
    status         text        not null,
    reason         text,
    xid            xid8        not null default pg_current_xact_id(),
    -- read as a whole by operators, so with what decides whether a line is seen
    constraint report_line_once primary key (occurred_at, id) include (xid),
    constraint report_line_kind_known check (kind in ('deposit', 'withdrawal', 'invoice', 'transfer', 'bank-transaction')),
    constraint only_transfers_have_source check ((kind = 'transfer') = (src_account_id is not null)),
    constraint report_line_direction_known check (direction in ('debit', 'credit')),
    constraint report_line_amount_positive check (amount_minor > 0),
    constraint report_line_status_known check (status in ('success', 'fail')),
    constraint failed_line_has_reason check ((status = 'fail') = (reason is not null))
) partition by range (occurred_at);
comment on table query.report_line is 'dst_account_id is the customer''s account where the bank is the other side';
create index report_line_of_destination on query.report_line (dst_account_id, occurred_at, id) include (xid);
create index report_line_of_source on query.report_line (src_account_id, occurred_at, id) include (dst_account_id, xid) where src_account_id is not null;
create table query.report_line_default partition of query.report_line default;

-- A transaction that moved money is known by its position in an account
-- (query.transaction); one that was refused has none, so it is known by this.
create table query.refusal (
    id uuid not null constraint refusal_once primary key
);

-- How many postings of the account were heard of: as many as its position says,
-- if there is no gap.
alter table query.balance add column heard bigint not null default 0;
update query.balance b set heard = (select count(*) from query.transaction t where t.account_id = b.account_id);

-- Reports that are open. A report is the lines of its accounts (all, without a
-- list) from from_at until before to_at that its snapshot sees. Its pages are
-- found by keys that were taken down when it was opened, one every step lines.
create table query.report (
    id         uuid        not null constraint report_id primary key,
    caller     uuid        not null,
    query      bytea       not null,
    accounts   uuid[],
    from_at    timestamptz not null,
    to_at      timestamptz not null,
    page_limit integer     not null,
    step       integer     not null,
    snapshot   pg_snapshot not null,
    total      bigint      not null,
    behind     bigint      not null,
    opened_at  timestamptz not null,
    expires_at timestamptz not null,
    constraint report_query_is_sha256 check (octet_length(query) = 32),
    constraint report_has_pages check (page_limit > 0),
    constraint report_step_is_whole_pages check (step > 0 and step % page_limit = 0),
    constraint report_expires_after_opening check (expires_at > opened_at)
);
comment on column query.report.query is 'what was asked for, as a hash: the same question goes on with the same report';
comment on column query.report.behind is 'postings that the ledger had and the projection had not heard of';
create index report_of_caller on query.report (caller, query, opened_at);
create index report_expired on query.report (expires_at);

create table query.report_key (
    report_id   uuid        not null constraint report_key_of_report references query.report (id) on delete cascade,
    n           integer     not null,
    occurred_at timestamptz not null,
    id          uuid        not null,
    constraint report_key_once primary key (report_id, n)
);

-- Day partitions from five days ago on, and ahead of time, as those of the
-- outbox. A day of which the default partition has lines already stays there.
create function query.make_partitions(days integer) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    day  date;
    low  timestamptz;
    made integer := 0;
begin
    for day in select (now() at time zone 'UTC')::date + n from generate_series(-5, days) n loop
        low := day::timestamp at time zone 'UTC';
        if to_regclass('query.report_line_' || to_char(day, 'YYYYMMDD')) is null
           and not exists (select from query.report_line_default where occurred_at >= low and occurred_at < low + interval '24 hours') then
            execute format('create table query.report_line_%s partition of query.report_line for values from (%L) to (%L)',
                to_char(day, 'YYYYMMDD'), low, low + interval '24 hours');
            made := made + 1;
        end if;
    end loop;
    return made;
end $$;
revoke all on function query.make_partitions(integer) from public;
select query.make_partitions(2);

grant select, insert on query.report_line, query.refusal to quittance_query;
-- a rebuild is its owner's work
revoke delete on query.account_projection, query.balance, query.transaction from quittance_query;
grant select on query.report_line to quittance_api;
grant select, insert on query.report, query.report_key to quittance_api;
-- the audit's tick makes partitions and takes away what has expired
grant usage on schema query to quittance_audit;
grant execute on function query.make_partitions(integer) to quittance_audit;
grant select (id, expires_at), delete on query.report to quittance_audit;

---- create above / drop below ----
grant delete on query.account_projection, query.balance, query.transaction to quittance_query;
drop table query.report_key;
drop table query.report;
drop function query.make_partitions(integer);
alter table query.balance drop column heard;
drop table query.refusal;
drop table query.report_line;
revoke usage on schema query from quittance_audit;
