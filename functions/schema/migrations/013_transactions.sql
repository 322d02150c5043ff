-- Transfers between customers, and what the bank takes and gives by its own
-- decision: an account of the bank's own for that, one per currency.
alter table ledger.account drop constraint account_kind_known;
alter table ledger.account add constraint account_kind_known check (kind in ('customer', 'cash', 'card-clearing', 'suspense', 'treasury'));
insert into ledger.account (id, kind, currency, balance_minor, floor_minor)
select md5('quittance/house/treasury/' || currency)::uuid, 'treasury', currency, null, null
from unnest(array['AUD','CAD','CHF','CZK','DKK','EUR','GBP','HUF','JPY','KRW','KWD','NOK','PLN','SEK','TND','USD']) currency;

alter table query.transaction drop constraint transaction_kind_known;
alter table query.transaction add constraint transaction_kind_known check (kind in ('deposit', 'withdrawal', 'invoice', 'transfer', 'bank-transaction'));

-- What the bank was asked to take or give, by whom, and why. The reason is free
-- text that a person wrote, so it may hold anything: it stands here, and in no
-- event, answer, log or other table. What became of it is in the ledger under the
-- same id.
create table banking.bank_transaction (
    id           uuid        not null constraint bank_transaction_id primary key,
    account_id   uuid        not null,
    direction    text        not null,
    amount_minor bigint      not null,
    currency     char(3)     not null,
    reason       text        not null,
    asked_by     uuid        not null,
    requested_at timestamptz not null default now(),
    constraint bank_transaction_direction_known check (direction in ('debit', 'credit')),
    constraint bank_transaction_amount_positive check (amount_minor > 0),
    constraint bank_transaction_has_reason check (reason ~ '\S' and char_length(reason) <= 500)
);
create index bank_transaction_by_words on banking.bank_transaction using gin (to_tsvector('simple', reason));
comment on column banking.bank_transaction.reason is 'free text; may hold personal data';

grant select, insert (id, account_id, direction, amount_minor, currency, reason, asked_by, requested_at) on banking.bank_transaction to quittance_api;

---- create above / drop below ----
drop table banking.bank_transaction;
delete from query.transaction where kind in ('transfer', 'bank-transaction');
alter table query.transaction drop constraint transaction_kind_known;
alter table query.transaction add constraint transaction_kind_known check (kind in ('deposit', 'withdrawal', 'invoice'));
delete from ledger.account where kind = 'treasury';
alter table ledger.account drop constraint account_kind_known;
alter table ledger.account add constraint account_kind_known check (kind in ('customer', 'cash', 'card-clearing', 'suspense'));
