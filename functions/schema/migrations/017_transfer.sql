-- What customers asked to move between two accounts: whose a transfer is, and what
-- its id stands for when the key that it derives from has been forgotten. What
-- became of it is in the ledger under the same id.
create table banking.transfer (
    id             uuid        not null constraint transfer_id primary key,
    src_account_id uuid        not null,
    dst_account_id uuid        not null,
    direction      text        not null,
    amount_minor   bigint      not null,
    currency       char(3)     not null,
    requested_at   timestamptz not null default now(),
    constraint transfer_direction_known check (direction in ('debit', 'credit')),
    constraint transfer_amount_positive check (amount_minor > 0),
    constraint transfer_between_two check (src_account_id <> dst_account_id)
);

-- Those that were asked for before there was this table.
insert into banking.transfer
select distinct on (subject) subject::uuid, (data ->> 'src_account_id')::uuid, (data ->> 'dst_account_id')::uuid,
       data ->> 'direction', (data ->> 'amount_minor')::bigint, data ->> 'currency', created_at
from delivery.outbox where type = 'dev.quittance.transfer.requested.v1'
order by subject, created_at;

-- What the bank gave and took is listed newest first.
create index bank_transaction_in_order on banking.bank_transaction (requested_at, id);
create index bank_transaction_of_account on banking.bank_transaction (account_id, requested_at, id);

grant select, insert (id, src_account_id, dst_account_id, direction, amount_minor, currency, requested_at) on banking.transfer to quittance_api;

---- create above / drop below ----
drop index banking.bank_transaction_of_account, banking.bank_transaction_in_order;
drop table banking.transfer;
