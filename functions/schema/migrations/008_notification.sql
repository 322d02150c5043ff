-- notification: what customers are told. A row is claimed, and the claim
-- committed, before anything is sent.
create schema notification;

create table notification.notification (
    id          uuid        not null constraint notification_id primary key,
    kind        text        not null,
    subject_id  uuid        not null,
    channel     text        not null,
    customer_id uuid        not null,
    content     jsonb       not null,
    state       text        not null default 'pending',
    provider_id text,
    last_error  text,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    claimed_at  timestamptz,
    sent_at     timestamptz,
    constraint notification_once unique (kind, subject_id, channel),
    constraint notification_channel_known check (channel in ('email', 'sms')),
    constraint notification_state_known check (state in ('pending', 'sending', 'sent', 'failed', 'parked', 'expired')),
    constraint sent_notification_has_time check ((state = 'sent') = (sent_at is not null)),
    constraint sent_notification_was_claimed check (state not in ('sending', 'sent', 'parked') or claimed_at is not null),
    constraint failed_notification_has_reason check (state not in ('failed', 'parked') or last_error is not null)
);
create index notification_waiting on notification.notification (expires_at) where state in ('pending', 'sending');
comment on column notification.notification.content is 'ids and amounts for the text; no address, no name';

-- What a notification may become; sent, failed and expired are for ever. A
-- parked one is a person's to decide.
create function notification.notification_moves_along() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.state <> old.state and (old.state, new.state) not in (
        ('pending', 'sending'), ('pending', 'failed'), ('pending', 'expired'),
        ('sending', 'sent'), ('sending', 'failed'), ('sending', 'parked'), ('sending', 'pending'),
        ('parked', 'sent'), ('parked', 'failed'), ('parked', 'pending')) then
        raise exception 'a notification does not go from % to %', old.state, new.state
            using errcode = 'check_violation', constraint = 'notification_moves_along';
    end if;
    return new;
end $$;
create trigger notification_moves_along before update on notification.notification
    for each row execute function notification.notification_moves_along();

---- create above / drop below ----
drop schema notification cascade;
