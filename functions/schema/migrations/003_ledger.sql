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

-- A journal moves one amount from a credit to a debit between two accounts, so
-- debits equal credits by its very shape; what needs more lines is several
-- journals in one transaction. It is named by its business key, so that the key
-- posts once without an index of its own. One that failed is kept with its
-- reason and has moved nothing. On a customer's side it has the position in that
-- account and the balance after it; the bank's own side has neither.
create table ledger.journal (
    id                   uuid        not null constraint journal_id primary key,
    kind                 text        not null,
    business_key         text        not null,
    status               text        not null,
    reason               text,
    correlation_id       text        not null,
    posted_at            timestamptz not null,
    debit_account        uuid        not null,
    credit_account       uuid        not null,
    currency             char(3)     not null,
    amount_minor         bigint      not null,
    debit_seq            bigint,
    debit_balance_minor  bigint,
    credit_seq           bigint,
    credit_balance_minor bigint,
    constraint journal_named_by_business_key check (id = md5(business_key)::uuid),
    constraint journal_status_known check (status in ('posted', 'failed')),
    constraint failed_journal_has_reason check ((status = 'failed') = (reason is not null)),
    constraint failed_journal_moves_nothing check (status = 'posted' or (debit_seq is null and credit_seq is null)),
    constraint journal_amount_positive check (amount_minor > 0),
    constraint journal_between_two_accounts check (status = 'failed' or debit_account <> credit_account),
    constraint position_with_balance check (
        (debit_seq is null) = (debit_balance_minor is null) and (credit_seq is null) = (credit_balance_minor is null))
);
create unique index debit_position_once on ledger.journal (debit_account, debit_seq) where debit_seq is not null;
create unique index credit_position_once on ledger.journal (credit_account, credit_seq) where credit_seq is not null;

-- The two lines of every journal that was posted, as an auditor reads them: a
-- debit is positive, a credit negative.
create view ledger.entry with (security_invoker = true) as
    select id as journal_id, 1::smallint as leg, debit_account as account_id, currency, amount_minor,
           debit_seq as account_seq, debit_balance_minor as balance_after_minor
    from ledger.journal where status = 'posted'
    union all
    select id, 2::smallint, credit_account, currency, -amount_minor, credit_seq, credit_balance_minor
    from ledger.journal where status = 'posted';

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

-- Posting changes the accounts, and nothing else does: no function has the right
-- to write a balance. The journals of one statement are applied together. Each
-- customer's side continues its account: the next position, and the balance that
-- follows from the one before; the account is open, has the currency, and is at
-- no moment below its floor. A savings account that a debit has emptied is
-- closing from then on.
--
-- The function reads only rows that its transaction has locked and the bank's own
-- accounts, all by their ids: a table read as a whole would, at the level
-- SERIALIZABLE, make every other posting a conflict.
create function ledger.apply_journals() returns trigger language plpgsql security definer
    set search_path = pg_catalog, pg_temp as $$
declare
    wanted  bigint;
    applied bigint;
    strange bigint;
    misfit  record;
begin
    with side as (
        select debit_account as id, currency, debit_seq as seq, debit_balance_minor as balance, -amount_minor as change
        from added where debit_seq is not null
        union all
        select credit_account, currency, credit_seq, credit_balance_minor, amount_minor
        from added where credit_seq is not null
    ), line as (
        select *, lag(seq) over account as seq_before, lag(balance) over account as balance_before
        from side window account as (partition by id order by seq)
    ), account as (
        select id, currency, min(seq) as first, max(seq) as last, min(balance) as lowest, sum(change)::bigint as change,
               min(balance - change) filter (where seq_before is null) as opening,
               bool_and(seq_before is null or (seq = seq_before + 1 and balance - change = balance_before)) as unbroken,
               count(*) filter (where change > 0) as deposits,
               coalesce(min(seq) filter (where change < 0 and balance = 0), 0) as emptied
        from line group by id, currency
    ), changed as (
        update ledger.account a
        set balance_minor = a.balance_minor + n.change, seq = n.last, deposits = a.deposits + n.deposits,
            status = case when a.product = 'simple-savings' and n.emptied = n.last then 'closing' else a.status end,
            closing_at = case when a.product = 'simple-savings' and n.emptied = n.last then now() else a.closing_at end
        from account n
        where a.id = n.id and a.currency = n.currency and a.kind = 'customer' and a.status = 'open' and n.unbroken
          and n.first = a.seq + 1 and n.opening = a.balance_minor and n.lowest >= a.floor_minor
          and (a.product <> 'simple-savings' or n.emptied in (0, n.last))
        returning 1
    ), own as (
        select debit_account as id, currency from added where status = 'posted' and debit_seq is null
        union
        select credit_account, currency from added where status = 'posted' and credit_seq is null
    )
    select (select count(*) from account), (select count(*) from changed),
           (select count(*) from own where not exists (
               select from ledger.account a where a.id = own.id and a.currency = own.currency and a.kind <> 'customer'))
    into wanted, applied, strange;
    if strange > 0 then
        raise exception 'a side without a position is an account of the bank, in the currency of the journal'
            using errcode = 'foreign_key_violation', constraint = 'own_side_of_the_bank', schema = 'ledger', table = 'journal';
    end if;
    if applied = wanted then
        return null;
    end if;

    -- Some journal does not fit; which rule it breaks is for people to read.
    with side as (
        select debit_account as id, currency, debit_seq as seq, debit_balance_minor as balance, true as out
        from added where debit_seq is not null
        union all
        select credit_account, currency, credit_seq, credit_balance_minor, false
        from added where credit_seq is not null
    )
    select bool_or(a.id is null or a.kind <> 'customer' or a.currency <> s.currency) as stranger,
           bool_or(s.seq > a.seq and a.status <> 'open'
                   or a.product = 'simple-savings' and exists (
                       select from side e where e.id = s.id and e.seq < s.seq and e.out and e.balance = 0)) as closing,
           bool_or(s.balance < a.floor_minor) as too_low
    into misfit
    from side s left join ledger.account a on a.id = s.id;
    if misfit.stranger then
        raise exception 'a side with a position is a customer''s account, in the currency of the journal'
            using errcode = 'foreign_key_violation', constraint = 'customer_side_in_currency_of_account', schema = 'ledger', table = 'journal';
    elsif misfit.closing then
        raise exception 'an account that is not open takes no posting'
            using errcode = 'check_violation', constraint = 'account_takes_postings', schema = 'ledger', table = 'journal';
    elsif misfit.too_low then
        raise exception 'a posting leaves less than the floor of its account'
            using errcode = 'check_violation', constraint = 'posting_not_below_floor', schema = 'ledger', table = 'journal';
    end if;
    raise exception 'a posting has the next position in its account and the balance that follows'
        using errcode = 'check_violation', constraint = 'journal_continues_account', schema = 'ledger', table = 'journal';
end $$;
create trigger apply_journals after insert on ledger.journal
    referencing new table as added for each statement execute function ledger.apply_journals();

-- An account goes from open to closing to closed, never back.
create function ledger.account_moves_forward() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'an account does not go from % to %', old.status, new.status
        using errcode = 'check_violation', constraint = 'account_moves_forward', schema = 'ledger', table = 'account';
end $$;
create trigger account_moves_forward before update on ledger.account
    for each row when (old.status <> new.status and (old.status, new.status) not in (('open', 'closing'), ('closing', 'closed')))
    execute function ledger.account_moves_forward();

create function ledger.refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '%.% is append-only', tg_table_schema, tg_table_name
        using errcode = 'integrity_constraint_violation', constraint = 'append_only';
end $$;
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
