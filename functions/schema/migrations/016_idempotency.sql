-- A request whose answer comes from another function has two steps: it is asked,
-- together with its event, and answered later. A row without an answer says that
-- somebody asked; whoever comes with the key asks again and gets the same.
alter table idempotency.request
    alter column status drop not null,
    alter column body drop not null,
    alter column answered_at drop not null,
    add constraint request_answered_as_a_whole check ((status is null) = (body is null) and (status is null) = (answered_at is null));

-- What was answered is never answered otherwise, and nothing else of a request
-- ever changes.
create function idempotency.answered_once() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'a request that was answered keeps its answer'
        using errcode = 'check_violation', constraint = 'request_answered_once', schema = 'idempotency', table = 'request';
end $$;
create trigger request_answered_once before update on idempotency.request
    for each row when (old.status is not null) execute function idempotency.answered_once();
revoke execute on function idempotency.answered_once() from public;
grant update (status, body, answered_at, expires_at) on idempotency.request to quittance_api;

---- create above / drop below ----
revoke update (status, body, answered_at, expires_at) on idempotency.request from quittance_api;
drop trigger request_answered_once on idempotency.request;
drop function idempotency.answered_once();
delete from idempotency.request where status is null;
alter table idempotency.request
    drop constraint request_answered_as_a_whole,
    alter column status set not null,
    alter column body set not null,
    alter column answered_at set not null;
