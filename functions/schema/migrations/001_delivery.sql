-- delivery: what every function shares. The idempotency table is the delivery
-- record as well: a committed event is finished when every consumer has a row
-- in state 'done', written in the same transaction as its effect. Its key is
-- its only index, so that settling a claim touches the heap only.
create schema delivery;

create table delivery.idempotency (
    consumer     text        not null,
    source       text        not null,
    id           text        not null,
    type         text        not null,
    payload_hash bytea       not null,
    state        text        not null,
    fence        bigint      not null default 1,
    lease_until  timestamptz,
    attempts     integer     not null default 1,
    first_seen   timestamptz not null,
    done_at      timestamptz,
    constraint idempotency_once primary key (id, source, consumer), -- in this order it finds all rows of an event too
    constraint idempotency_state_known check (state in ('claimed', 'done')),
    constraint idempotency_claim_has_lease check ((state = 'claimed') = (lease_until is not null)),
    constraint idempotency_done_has_time check ((state = 'done') = (done_at is not null)),
    constraint idempotency_hash_is_sha256 check (octet_length(payload_hash) = 32)
) with (fillfactor = 80);

-- The published events, for ever: rows are only ever added, so few indexes. A
-- day's partition goes to cold storage as a whole.
create table delivery.outbox (
    id             text        not null,
    source         text        not null,
    type           text        not null,
    subject        text        not null,
    partition_key  text        not null,
    correlation_id text        not null,
    causation_id   text        not null,
    traceparent    text        not null,
    broker         text        not null,
    data           json        not null,
    created_at     timestamptz not null,
    constraint outbox_once primary key (source, id, created_at)
) partition by range (created_at);
create table delivery.outbox_default partition of delivery.outbox default;
create index outbox_by_correlation on delivery.outbox (correlation_id);

-- What waits to be sent, written with the event: the relay claims rows by
-- their lease and deletes them when the broker took the event. No index holds
-- what a claim changes, and the pages have room, so a claim touches the heap
-- only; all rows are short-lived, so dead ones are cleared away early.
create table delivery.queue (
    seq          bigint      not null generated always as identity constraint queue_seq primary key,
    broker       text        not null,
    source       text        not null,
    id           text        not null,
    created_at   timestamptz not null, -- with source and id the key of the outbox
    due_at       timestamptz not null,
    leased_until timestamptz not null default '-infinity',
    attempts     integer     not null default 0
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
create index queue_due on delivery.queue (broker, due_at);

-- What the brokers took and when, one row for what was recorded together; the
-- audit reads it once and clears it away.
create table delivery.sent (
    sent_at timestamptz   not null,
    sources text[]        not null,
    ids     text[]        not null,
    created timestamptz[] not null
);
create index sent_in_order on delivery.sent (sent_at);

-- Deliveries to one consumer that the broker will not make again: an outside
-- system was unknown for longer than the broker retries, the audit found an
-- event unheard, or a person replays a dead letter.
create table delivery.redelivery (
    consumer   text        not null,
    source     text        not null,
    id         text        not null,
    why        text        not null,
    due_at     timestamptz not null,
    attempts   integer     not null default 0,
    lease      uuid,
    created_at timestamptz not null default now(),
    constraint redelivery_once primary key (consumer, source, id),
    constraint redelivery_why_known check (why in ('deferred', 'unheard', 'replay'))
);
create index redelivery_due on delivery.redelivery (consumer, due_at);

-- What went wrong, per consumer and event: the broker's dead letters do not
-- always say, so each function keeps its own record.
create table delivery.failure (
    consumer   text        not null,
    source     text        not null,
    id         text        not null,
    attempts   integer     not null default 1,
    last_error text        not null,
    first_at   timestamptz not null default now(),
    last_at    timestamptz not null default now(),
    constraint failure_once primary key (consumer, source, id)
);

-- Who hears what, from the code's registry, written by the migration. An event
-- committed before since is not owed to the consumer.
create table delivery.subscription (
    consumer text        not null,
    type     text        not null,
    since    timestamptz not null default now(),
    constraint subscription_once primary key (consumer, type)
);

create table delivery.dead_letter (
    id             uuid        not null constraint dead_letter_id primary key,
    consumer       text        not null,
    source         text        not null,
    event_id       text        not null,
    type           text        not null,
    subject        text        not null,
    correlation_id text        not null,
    traceparent    text        not null,
    extensions     jsonb       not null,
    content_type   text        not null,
    data           bytea       not null,
    payload_hash   bytea       not null,
    error_code     integer,
    reason         text        not null,
    attempts       integer     not null,
    status         text        not null default 'open',
    times          integer     not null default 1,
    first_at       timestamptz not null default now(),
    last_at        timestamptz not null default now(),
    constraint dead_letter_once unique (consumer, source, event_id, payload_hash),
    constraint dead_letter_status_known check (status in ('open', 'replaying', 'replayed', 'discarded')),
    constraint dead_letter_has_reason check (reason <> '')
);
create index dead_letter_open on delivery.dead_letter (consumer, last_at) where status = 'open';

-- How far the audit has looked; one row.
create table delivery.audit_mark (
    one      boolean     not null default true constraint audit_mark_one primary key constraint audit_mark_is_true check (one),
    audited_to timestamptz not null
);
insert into delivery.audit_mark (audited_to) values (now());

-- Day partitions are made ahead of time; the default one catches a row if
-- nobody did. Owned by the migrator, so that a function needs no right to
-- create tables.
create function delivery.make_partitions(days integer) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    day  date;
    made integer := 0;
begin
    for day in select (now() at time zone 'UTC')::date + n from generate_series(1, days) n loop
        if to_regclass('delivery.outbox_' || to_char(day, 'YYYYMMDD')) is null then
            execute format('create table delivery.outbox_%s partition of delivery.outbox for values from (%L) to (%L)',
                to_char(day, 'YYYYMMDD'), day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
            made := made + 1;
        end if;
    end loop;
    return made;
end $$;
revoke all on function delivery.make_partitions(integer) from public;
select delivery.make_partitions(2);

-- Today's, too, while the default one is certainly empty.
do $$
declare
    day date := (now() at time zone 'UTC')::date;
begin
    execute format('create table delivery.outbox_%s partition of delivery.outbox for values from (%L) to (%L)',
        to_char(day, 'YYYYMMDD'), day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
end $$;

---- create above / drop below ----
drop schema delivery cascade;
