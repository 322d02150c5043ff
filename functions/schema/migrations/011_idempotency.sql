-- idempotency: what became of requests that carried an Idempotency-Key, so that
-- the same request again gets the same answer. A row is written in the transaction
-- of the request's effect; it has no state, because what is not answered is not
-- there.
create schema idempotency;

create table idempotency.request (
    caller      uuid        not null,
    route       text        not null,
    key         text        not null,
    fingerprint bytea       not null,
    members     jsonb       not null,
    status      smallint    not null,
    location    text        not null,
    journey     text        not null,
    body        text        not null,
    answered_at timestamptz not null,
    expires_at  timestamptz not null,
    constraint request_once primary key (caller, key, route),
    constraint request_key_fits check (key ~ '^[\x20-\x7e]{1,255}$'),
    constraint request_fingerprint_is_sha256 check (octet_length(fingerprint) = 32),
    constraint request_succeeded check (status between 200 and 299),
    constraint request_is_kept_30_days check (expires_at >= answered_at + interval '30 days')
);
comment on column idempotency.request.members is
    'for each member of the request a piece of a hash, enough to say which one differs and too little to tell what it was';
create index request_expired on idempotency.request (expires_at);

grant usage on schema idempotency to quittance_api, quittance_audit;
grant select, insert on idempotency.request to quittance_api;
-- the audit's tick takes away what has expired
grant select (caller, key, route, expires_at), delete on idempotency.request to quittance_audit;

---- create above / drop below ----
drop schema idempotency cascade;
