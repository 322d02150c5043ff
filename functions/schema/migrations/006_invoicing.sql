-- invoicing: invoices, the payments made for them, and receipts.
create schema invoicing;

create table invoicing.invoice (
    id           uuid        not null constraint invoice_id primary key,
    account_id   uuid        not null,
    customer_id  uuid        not null,
    amount_minor bigint      not null,
    currency     char(3)     not null,
    reference    text        not null,
    state        text        not null default 'open',
    payment_id   uuid,
    created_at   timestamptz not null default now(),
    paid_at      timestamptz,
    constraint invoice_amount_positive check (amount_minor > 0),
    constraint invoice_has_reference check (length(reference) between 1 and 140),
    constraint invoice_state_known check (state in ('open', 'paid', 'cancelled')),
    constraint paid_invoice_has_payment check ((state = 'paid') = (payment_id is not null)),
    constraint paid_invoice_has_time check ((state = 'paid') = (paid_at is not null)),
    constraint invoice_with_payment unique (id, payment_id)
);
comment on column invoicing.invoice.account_id is 'the payee''s account, credited when paid';
comment on column invoicing.invoice.customer_id is 'the payer, who gets the receipt';

create table invoicing.payment (
    id                  uuid        not null constraint payment_id primary key,
    invoice_id          uuid        not null constraint payment_of_invoice references invoicing.invoice (id),
    amount_minor        bigint      not null,
    currency            char(3)     not null,
    method              text        not null,
    payment_method      text        not null,
    state               text        not null default 'submitted',
    processor           text,
    processor_reference text,
    charge_key          uuid,
    charge_key_at       timestamptz,
    journey             text,
    reason              text,
    submitted_at        timestamptz not null default now(),
    charged_at          timestamptz,
    updated_at          timestamptz not null default now(),
    swept_at            timestamptz,
    constraint payment_amount_positive check (amount_minor > 0),
    constraint payment_method_known check (method = 'card' or (state in ('submitted', 'rejected') and length(method) between 1 and 50)),
    constraint card_number_not_stored check (length(payment_method) between 1 and 200 and payment_method !~ '[0-9]([ -]?[0-9]){12}'),
    constraint payment_state_known check (state in ('submitted', 'validated', 'rejected', 'charging', 'pending', 'captured', 'failed', 'refund_due')),
    constraint refused_payment_has_reason check (state not in ('rejected', 'failed', 'refund_due') or reason is not null),
    constraint charged_payment_has_key check (state not in ('charging', 'pending', 'captured', 'failed', 'refund_due') or charge_key is not null),
    constraint charge_key_is_complete check ((charge_key is not null) = (charge_key_at is not null and journey is not null and processor is not null)),
    constraint pending_payment_has_reference check (state <> 'pending' or processor_reference is not null),
    constraint captured_payment_has_reference check (state not in ('captured', 'refund_due') or processor_reference is not null),
    constraint captured_payment_has_time check ((state in ('captured', 'refund_due')) = (charged_at is not null)),
    constraint payment_terms unique (id, invoice_id, amount_minor, currency)
);
comment on column invoicing.payment.payment_method is 'the processor''s token for the means of payment, never a card number';
comment on column invoicing.payment.charge_key is 'idempotency key of the charge, frozen before the first call';
comment on column invoicing.payment.charge_key_at is 'since when the key may be in use: processors forget keys';
comment on column invoicing.payment.journey is 'correlation id under which whatever comes of the charge is said';
comment on column invoicing.payment.charged_at is 'when the processor took the money, by its own clock';
comment on column invoicing.payment.updated_at is 'since when the payment is in its state';
comment on column invoicing.payment.swept_at is 'when the sweep last had the processor asked';
create index payment_of_invoice on invoicing.payment (invoice_id, submitted_at);
create unique index charge_once on invoicing.payment (processor, processor_reference) where processor_reference is not null;
create unique index charge_key_once on invoicing.payment (charge_key) where charge_key is not null;
create unique index one_captured_payment_per_invoice on invoicing.payment (invoice_id) where state = 'captured';
create index payment_unsettled on invoicing.payment (updated_at) where state in ('charging', 'pending');
create index payment_failed on invoicing.payment (updated_at) where state = 'failed' and processor_reference is not null;
create index payment_refund_due on invoicing.payment (updated_at) where state = 'refund_due';
-- An invoice is paid by a payment of its own, in full and in its currency.
alter table invoicing.invoice add constraint invoice_paid_by foreign key (payment_id, id, amount_minor, currency)
    references invoicing.payment (id, invoice_id, amount_minor, currency);

-- Receipts are numbered without gaps per issuer: the counter is taken in the
-- transaction that stores the receipt.
create table invoicing.receipt_counter (
    issuer text   not null constraint receipt_counter_issuer primary key,
    last   bigint not null default 0
);
insert into invoicing.receipt_counter (issuer) values ('quittance');

create table invoicing.receipt (
    id         uuid        not null constraint receipt_id primary key,
    invoice_id uuid        not null constraint one_receipt_per_invoice unique,
    payment_id uuid        not null,
    issuer     text        not null constraint receipt_issuer_known references invoicing.receipt_counter (issuer),
    number     bigint      not null,
    pdf        bytea       not null,
    issued_at  timestamptz not null,
    constraint receipt_of_paid_invoice foreign key (invoice_id, payment_id) references invoicing.invoice (id, payment_id),
    constraint receipt_number_once unique (issuer, number),
    constraint receipt_number_positive check (number > 0),
    constraint receipt_is_pdf check (substring(pdf from 1 for 5) = '%PDF-'::bytea)
);

-- What a payment's state may become. A late success after a failure is taken
-- in; an invoice paid by other means makes it a refund that is due.
create function invoicing.payment_moves_forward() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.state <> old.state and (old.state, new.state) not in (
        ('submitted', 'validated'), ('submitted', 'rejected'),
        ('validated', 'charging'), ('validated', 'rejected'),
        ('charging', 'captured'), ('charging', 'failed'), ('charging', 'pending'), ('charging', 'refund_due'),
        ('pending', 'captured'), ('pending', 'failed'), ('pending', 'refund_due'),
        ('failed', 'captured'), ('failed', 'refund_due')) then
        raise exception 'a payment does not go from % to %', old.state, new.state
            using errcode = 'check_violation', constraint = 'payment_moves_forward';
    end if;
    if (new.id, new.invoice_id, new.amount_minor, new.currency, new.method, new.payment_method)
       is distinct from (old.id, old.invoice_id, old.amount_minor, old.currency, old.method, old.payment_method) then
        raise exception 'the terms of a payment do not change'
            using errcode = 'check_violation', constraint = 'payment_terms_fixed';
    end if;
    if old.charge_key is not null and (new.charge_key, new.charge_key_at, new.processor)
       is distinct from (old.charge_key, old.charge_key_at, old.processor) then
        raise exception 'a charge key is frozen once it may be in use'
            using errcode = 'check_violation', constraint = 'charge_key_frozen';
    end if;
    return new;
end $$;
create trigger payment_moves_forward before update on invoicing.payment
    for each row execute function invoicing.payment_moves_forward();

-- An invoice is paid once, by a payment that is captured, and stays paid.
create function invoicing.invoice_moves_forward() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.state <> old.state and (old.state, new.state) not in (('open', 'paid'), ('open', 'cancelled')) then
        raise exception 'an invoice does not go from % to %', old.state, new.state
            using errcode = 'check_violation', constraint = 'invoice_moves_forward';
    end if;
    if new.state = 'paid' and (new.payment_id is distinct from old.payment_id or old.state <> 'paid')
       and not (old.state = 'open' and exists (
           select from invoicing.payment p where p.id = new.payment_id and p.state = 'captured')) then
        raise exception 'an invoice is paid by a captured payment'
            using errcode = 'check_violation', constraint = 'invoice_paid_by_captured_payment';
    end if;
    if (new.amount_minor, new.currency, new.account_id, new.customer_id)
       is distinct from (old.amount_minor, old.currency, old.account_id, old.customer_id) then
        raise exception 'the terms of an invoice do not change'
            using errcode = 'check_violation', constraint = 'invoice_terms_fixed';
    end if;
    return new;
end $$;
create trigger invoice_moves_forward before update on invoicing.invoice
    for each row execute function invoicing.invoice_moves_forward();

-- A receipt is a document: once issued it is not changed or taken back.
create function invoicing.receipt_stands() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'a receipt is never changed or deleted' using errcode = 'check_violation', constraint = 'receipt_stands';
end $$;
create trigger receipt_stands before update or delete on invoicing.receipt
    for each row execute function invoicing.receipt_stands();
create trigger receipt_stands_all before truncate on invoicing.receipt
    for each statement execute function invoicing.receipt_stands();

---- create above / drop below ----
drop schema invoicing cascade;
