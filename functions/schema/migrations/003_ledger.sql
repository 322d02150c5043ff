-- ledger: double entry. A debit is positive, a credit negative. A customer's
-- account is money the bank owes, so its balance is minus the sum of its
-- entries. The bank's own accounts keep no balance: it is the sum of their
-- entries, so that no row is written by every posting.
create schema ledger;

-- Who opens an account names neither balance nor floor: it opens empty.
create table ledger.account (
    id            uuid        not null constraint account_id primary key,
    kind          text        not null,
    product       text,
    currency      char(3)     not null,
    status        text        not null default 'open',
    balance_minor bigint      default 0,
    floor_minor   bigint      default 0,
    seq           bigint      not null default 0,
    deposits      bigint      not null default 0,
    opened_at     timestamptz not null default now(),
    closing_at    timestamptz,
    closed_at     timestamptz,
    constraint account_currency_once unique (id, currency),
    constraint account_kind_known check (kind in ('customer', 'cash', 'card-clearing', 'suspense')),
    constraint account_status_known check (status in ('open', 'closing', 'closed')),
    constraint only_customers_have_balance check ((kind = 'customer') = (balance_minor is not null)),
    constraint only_customers_have_product check ((kind = 'customer') = (product is not null)),
    constraint balance_not_below_floor check (floor_minor is null or balance_minor >= floor_minor),
    constraint customer_has_floor check (kind <> 'customer' or floor_minor is not null),
    constraint closing_account_is_empty check (status = 'open' or balance_minor = 0),
    constraint closing_has_time check ((status = 'open') = (closing_at is null)),
    constraint closed_has_time check ((status = 'closed') = (closed_at is not null))
) with (fillfactor = 70);

create table ledger.journal (
    id           uuid        not null constraint journal_id primary key,
    kind         text        not null,
    business_key text        not null constraint journal_once_per_business_key unique,
    status       text        not null,
    reason       text,
    correlation_id text      not null,
    posted_at    timestamptz not null,
    constraint journal_status_known check (status in ('posted', 'failed')),
    constraint failed_journal_has_reason check ((status = 'failed') = (reason is not null))
);

create table ledger.entry (
    journal_id          uuid     not null constraint entry_of_journal references ledger.journal (id),
    leg                 smallint not null,
    account_id          uuid     not null,
    currency            char(3)  not null,
    amount_minor        bigint   not null,
    account_seq         bigint,
    balance_after_minor bigint,
    constraint entry_once primary key (journal_id, leg),
    constraint entry_in_currency_of_account foreign key (account_id, currency) references ledger.account (id, currency),
    constraint entry_not_zero check (amount_minor <> 0),
    constraint entry_seq_with_balance check ((account_seq is null) = (balance_after_minor is null))
);
create unique index entry_seq_once on ledger.entry (account_id, account_seq) where account_seq is not null;
create index entry_of_house_account on ledger.entry (account_id) where account_seq is null;

-- Money that an account could not take, waiting for a person.
create table ledger.suspense_case (
    id           uuid        not null constraint suspense_case_id primary key,
    journal_id   uuid        not null constraint suspense_case_of_journal references ledger.journal (id),
    account_id   uuid        not null,
    amount_minor bigint      not null constraint suspense_amount_positive check (amount_minor > 0),
    currency     char(3)     not null,
    reason       text        not null,
    status       text        not null default 'open' constraint suspense_status_known check (status in ('open', 'resolved')),
    opened_at    timestamptz not null default now(),
    constraint suspense_once_per_journal unique (journal_id)
);

-- A journal and its entries are inserted by one statement. At the end of it
-- every posted journal has entries that sum to zero per currency, which takes at
-- least two, and every failed one has none; nor does one get any later. Legs
-- count from 1, so entries that are added to a journal that has some meet leg 1.
create function ledger.journal_is_whole() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select from added j
        where j.status = 'posted' and not exists (select from ledger.entry e where e.journal_id = j.id)) then
        raise exception 'a posted journal comes with its entries'
            using errcode = 'check_violation', constraint = 'journal_is_whole', schema = 'ledger', table = 'journal';
    end if;
    return null;
end $$;
create trigger journal_is_whole after insert on ledger.journal
    referencing new table as added for each statement execute function ledger.journal_is_whole();

create function ledger.journal_balances() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from added group by journal_id, currency having sum(amount_minor) <> 0) then
        raise exception 'the entries of a journal must sum to zero per currency'
            using errcode = 'check_violation', constraint = 'journal_balances', schema = 'ledger', table = 'entry';
    end if;
    if exists (
        select from (select journal_id, min(leg) lowest, max(leg) highest, count(*) legs from added group by journal_id) a
        join ledger.journal j on j.id = a.journal_id
        where j.status <> 'posted' or a.lowest <> 1 or a.highest <> a.legs) then
        raise exception 'entries come with their posted journal, all of them at once'
            using errcode = 'check_violation', constraint = 'entries_come_at_once', schema = 'ledger', table = 'entry';
    end if;
    return null;
end $$;
create trigger journal_balances after insert on ledger.entry
    referencing new table as added for each statement execute function ledger.journal_balances();

create function ledger.refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '%.% is append-only', tg_table_schema, tg_table_name
        using errcode = 'integrity_constraint_violation', constraint = 'append_only';
end $$;
create trigger append_only before update or delete or truncate on ledger.entry
    for each statement execute function ledger.refuse_change();
create trigger append_only before update or delete or truncate on ledger.journal
    for each statement execute function ledger.refuse_change();

-- The bank's own accounts, one per kind and currency. The id is derived from
-- the name so that code and database agree without a look-up.
insert into ledger.account (id, kind, currency, balance_minor, floor_minor)
select md5('quittance/house/' || kind || '/' || currency)::uuid, kind, currency, null, null
from unnest(array['cash', 'card-clearing', 'suspense']) kind,
     unnest(array['AUD','CAD','CHF','CZK','DKK','EUR','GBP','HUF','JPY','KRW','KWD','NOK','PLN','SEK','TND','USD']) currency;

---- create above / drop below ----
drop schema ledger cascade;
