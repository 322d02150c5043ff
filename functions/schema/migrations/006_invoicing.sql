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
    constraint invoice_state_known check (state in ('open', 'paid', 'cancelled')),
    constraint paid_invoice_has_payment check ((state = 'paid') = (payment_id is not null)),
    constraint paid_invoice_has_time check ((state = 'paid') = (paid_at is not null))
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
    reason              text,
    submitted_at        timestamptz not null default now(),
    charged_at          timestamptz,
    updated_at          timestamptz not null default now(),
    constraint payment_amount_positive check (amount_minor > 0),
    constraint payment_method_known check (method in ('card')),
    constraint payment_state_known check (state in ('submitted', 'validated', 'rejected', 'charging', 'pending', 'captured', 'failed', 'refund_due')),
    constraint refused_payment_has_reason check (state not in ('rejected', 'failed') or reason is not null),
    constraint charged_payment_has_key check (state not in ('charging', 'pending', 'captured', 'failed', 'refund_due') or charge_key is not null),
    constraint captured_payment_has_reference check (state not in ('captured', 'refund_due') or processor_reference is not null)
);
create index payment_of_invoice on invoicing.payment (invoice_id, submitted_at);
create unique index charge_once on invoicing.payment (processor, processor_reference) where processor_reference is not null;
create unique index charge_key_once on invoicing.payment (charge_key) where charge_key is not null;
create unique index one_captured_payment_per_invoice on invoicing.payment (invoice_id) where state = 'captured';
create index payment_unsettled on invoicing.payment (updated_at) where state in ('charging', 'pending');
alter table invoicing.invoice add constraint invoice_paid_by foreign key (payment_id) references invoicing.payment (id);

-- Receipts are numbered without gaps per issuer: the counter is taken in the
-- transaction that stores the receipt.
create table invoicing.receipt_counter (
    issuer text   not null constraint receipt_counter_issuer primary key,
    last   bigint not null default 0
);
insert into invoicing.receipt_counter (issuer) values ('quittance');

create table invoicing.receipt (
    id         uuid        not null constraint receipt_id primary key,
    invoice_id uuid        not null constraint one_receipt_per_invoice unique references invoicing.invoice (id),
    payment_id uuid        not null constraint receipt_of_payment references invoicing.payment (id),
    issuer     text        not null references invoicing.receipt_counter (issuer),
    number     bigint      not null,
    pdf        bytea       not null,
    issued_at  timestamptz not null,
    constraint receipt_number_once unique (issuer, number),
    constraint receipt_is_pdf check (substring(pdf from 1 for 5) = '%PDF-'::bytea)
);

-- What a payment's state may become. A late success after a failure is taken
-- in; an invoice paid by other means makes it a refund that is due.
create function invoicing.payment_moves_forward() returns trigger language plpgsql set search_path = pg_catalog as $$
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
    return new;
end $$;
create trigger payment_moves_forward before update on invoicing.payment
    for each row execute function invoicing.payment_moves_forward();

---- create above / drop below ----
drop schema invoicing cascade;
