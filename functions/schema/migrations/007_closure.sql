-- closure: ending an account, in Mambu first, then in E. One row per account.
create schema closure;

create table closure.account_closure (
    account_id      uuid        not null constraint one_closure_per_account primary key,
    closure_id      uuid        not null constraint closure_id_once unique,
    state           text        not null default 'OPEN',
    attempt         integer     not null default 1,
    notes           text        not null,
    email_sent_at   timestamptz,
    last_error      text,
    started_at      timestamptz not null default now(),
    mambu_closed_at timestamptz,
    e_closed_at     timestamptz,
    closed_at       timestamptz,
    updated_at      timestamptz not null default now(),
    constraint closure_state_known check (state in ('OPEN', 'CLOSING_MAMBU', 'MAMBU_CLOSED', 'CLOSING_E', 'E_CLOSED', 'CLOSED', 'PARKED')),
    constraint mambu_before_e check (e_closed_at is null or mambu_closed_at is not null),
    constraint mambu_closed_has_time check (state not in ('MAMBU_CLOSED', 'CLOSING_E', 'E_CLOSED', 'CLOSED') or mambu_closed_at is not null),
    constraint closing_mambu_is_unconfirmed check (state not in ('OPEN', 'CLOSING_MAMBU') or mambu_closed_at is null),
    constraint e_closed_has_time check ((state in ('E_CLOSED', 'CLOSED')) = (e_closed_at is not null)),
    constraint closed_has_time check ((state = 'CLOSED') = (closed_at is not null)),
    constraint mail_only_after_closed check (email_sent_at is null or state = 'CLOSED'),
    constraint parked_has_reason check (state <> 'PARKED' or last_error is not null)
);
create index closure_unfinished on closure.account_closure (state, updated_at) where state <> 'CLOSED';

create table closure.account_closure_events (
    id          bigint      generated always as identity constraint account_closure_event_id primary key,
    account_id  uuid        not null constraint event_of_closure references closure.account_closure (account_id),
    from_state  text,
    to_state    text        not null,
    actor       text        not null default current_user,
    occurred_at timestamptz not null default now()
);
create index event_of_closure on closure.account_closure_events (account_id, id);

-- PARKED goes back to the system that refused, as a new attempt: the outside
-- system may remember its refusal under the old key.
create function closure.closure_moves_along() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'OPEN' then
            raise exception 'a closure begins at OPEN' using errcode = 'check_violation', constraint = 'closure_moves_along';
        end if;
        return new;
    end if;
    if new.state <> old.state and (old.state, new.state) not in (
        ('OPEN', 'CLOSING_MAMBU'), ('CLOSING_MAMBU', 'MAMBU_CLOSED'), ('MAMBU_CLOSED', 'CLOSING_E'),
        ('CLOSING_E', 'E_CLOSED'), ('E_CLOSED', 'CLOSED'),
        ('CLOSING_MAMBU', 'PARKED'), ('CLOSING_E', 'PARKED'), ('PARKED', 'CLOSING_MAMBU'), ('PARKED', 'CLOSING_E')) then
        raise exception 'a closure does not go from % to %', old.state, new.state
            using errcode = 'check_violation', constraint = 'closure_moves_along';
    end if;
    if new.attempt <> old.attempt + (old.state = 'PARKED' and new.state <> 'PARKED')::integer then
        raise exception 'an attempt is counted when a parked closure goes on, and only then'
            using errcode = 'check_violation', constraint = 'attempt_per_resumption';
    end if;
    -- updated_at is when the closure last got on. An attempt that failed and
    -- leaves only last_error must not make a closure that is stuck look fresh.
    if new.state <> old.state or new.email_sent_at is distinct from old.email_sent_at then
        new.updated_at := now();
    else
        new.updated_at := old.updated_at;
    end if;
    return new;
end $$;
create trigger closure_moves_along before insert or update on closure.account_closure
    for each row execute function closure.closure_moves_along();

-- What is sent outside is built from the row, so it must not change between
-- two attempts; and what has been confirmed stays confirmed, at its time.
create function closure.refuse_rewriting() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if (new.account_id, new.closure_id, new.notes, new.started_at)
        is distinct from (old.account_id, old.closure_id, old.notes, old.started_at) then
        raise exception 'what a closure asks for does not change'
            using errcode = 'check_violation', constraint = 'closure_request_is_frozen';
    end if;
    if (new.mambu_closed_at is distinct from old.mambu_closed_at and (old.state, new.state) <> ('CLOSING_MAMBU', 'MAMBU_CLOSED'))
        or (new.e_closed_at is distinct from old.e_closed_at and (old.state, new.state) <> ('CLOSING_E', 'E_CLOSED'))
        or (new.closed_at is distinct from old.closed_at and (old.state, new.state) <> ('E_CLOSED', 'CLOSED'))
        or (new.email_sent_at is distinct from old.email_sent_at and old.email_sent_at is not null) then
        raise exception 'a confirmation is recorded once, with its transition'
            using errcode = 'check_violation', constraint = 'confirmed_once';
    end if;
    return new;
end $$;
create trigger refuse_rewriting before update on closure.account_closure
    for each row execute function closure.refuse_rewriting();

-- Every transition has exactly one row here, whoever made it.
create function closure.record_transition() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into closure.account_closure_events (account_id, from_state, to_state, actor, occurred_at)
    values (new.account_id, case when tg_op = 'UPDATE' then old.state end, new.state, session_user, now());
    return null;
end $$;
create trigger record_opening after insert on closure.account_closure
    for each row execute function closure.record_transition();
create trigger record_transition after update of state on closure.account_closure
    for each row when (new.state <> old.state) execute function closure.record_transition();

create function closure.refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '%.% is append-only', tg_table_schema, tg_table_name
        using errcode = 'integrity_constraint_violation', constraint = 'append_only';
end $$;
create trigger append_only before update or delete or truncate on closure.account_closure_events
    for each statement execute function closure.refuse_change();

---- create above / drop below ----
drop schema closure cascade;
