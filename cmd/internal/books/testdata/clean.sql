-- A bank at rest. Account a1 is open and got 100 in cash and 700 from a paid
-- invoice; c1 was emptied and closed everywhere; b1 was emptied, closed in Mambu
-- and refused by E. Ids tell what they are of: 1 accounts, 3
-- invoices, 4 payments, 5 receipts, 6 notifications, 7 operations; journals
-- are named by their keys.
set session_replication_role = replica;

insert into ledger.account (id, kind, product, currency, status, balance_minor, seq, closing_at, closed_at) values
    ('10000000-0000-0000-0000-0000000000a1', 'customer', 'current', 'EUR', 'open', 800, 2, null, null),
    ('10000000-0000-0000-0000-0000000000b1', 'customer', 'current', 'EUR', 'closing', 0, 2, '2026-01-02 10:00Z', null),
    ('10000000-0000-0000-0000-0000000000c1', 'customer', 'current', 'EUR', 'closed', 0, 2, '2026-01-02 10:00Z', '2026-01-02 10:03Z');

insert into ledger.journal (id, kind, business_key, status, reason, correlation_id, posted_at, debit_account, credit_account, currency,
                            amount_minor, debit_seq, debit_balance_minor, credit_seq, credit_balance_minor)
select md5(key)::uuid, kind, key, case when reason is null then 'posted' else 'failed' end, reason, 'j', at::timestamptz,
       case when debit ~ '^.1$' then ('10000000-0000-0000-0000-0000000000' || debit)::uuid else md5('quittance/house/' || debit || '/EUR')::uuid end, case when credit ~ '^.1$' then ('10000000-0000-0000-0000-0000000000' || credit)::uuid else md5('quittance/house/' || credit || '/EUR')::uuid end, 'EUR', amount, debit_seq, debit_balance, credit_seq, credit_balance
from (values
    ('deposit', 'operation:70000000-0000-0000-0000-000000000001', null, '2026-01-01 10:00Z', 'cash', 'a1', 100, null, null, 1, 100),
    ('deposit', 'operation:70000000-0000-0000-0000-000000000002', null, '2026-01-01 10:00Z', 'cash', 'b1', 50, null, null, 1, 50),
    ('deposit', 'operation:70000000-0000-0000-0000-000000000003', null, '2026-01-01 10:00Z', 'cash', 'c1', 60, null, null, 1, 60),
    ('withdrawal', 'operation:70000000-0000-0000-0000-000000000004', null, '2026-01-02 10:00Z', 'b1', 'cash', 50, 2, 0, null, null),
    ('withdrawal', 'operation:70000000-0000-0000-0000-000000000005', null, '2026-01-02 10:00Z', 'c1', 'cash', 60, 2, 0, null, null),
    ('invoice', 'payment:40000000-0000-0000-0000-000000000001', null, '2026-01-02 10:00Z', 'card-clearing', 'a1', 700, null, null, 2, 800),
    ('withdrawal', 'operation:70000000-0000-0000-0000-000000000007', 'insufficient-funds', '2026-01-02 10:00Z', 'a1', 'cash', 9000, null, null, null, null),
    ('transfer', 'transaction:71000000-0000-0000-0000-000000000001', 'insufficient-funds', '2026-01-02 10:00Z', 'a1', 'b1', 9000, null, null, null, null)
) j(kind, key, reason, at, debit, credit, amount, debit_seq, debit_balance, credit_seq, credit_balance);

insert into query.account_projection (account_id, status) values
    ('10000000-0000-0000-0000-0000000000a1', 'open'), ('10000000-0000-0000-0000-0000000000b1', 'closing'),
    ('10000000-0000-0000-0000-0000000000c1', 'closed');
insert into query.balance (account_id, currency, balance_minor, account_seq) values
    ('10000000-0000-0000-0000-0000000000a1', 'EUR', 800, 2), ('10000000-0000-0000-0000-0000000000b1', 'EUR', 0, 2),
    ('10000000-0000-0000-0000-0000000000c1', 'EUR', 0, 2);

insert into query.report_line (occurred_at, id, kind, dst_account_id, direction, amount_minor, currency, status, reason)
select posted_at, split_part(business_key, ':', 2)::uuid, kind, case kind when 'withdrawal' then debit_account else credit_account end,
       case kind when 'withdrawal' then 'debit' else 'credit' end, amount_minor, currency, case status when 'posted' then 'success' else 'fail' end, reason
from ledger.journal where kind <> 'transfer';
insert into query.report_line (occurred_at, id, kind, src_account_id, dst_account_id, direction, amount_minor, currency, status, reason)
select posted_at, split_part(business_key, ':', 2)::uuid, kind, debit_account, credit_account, 'debit', amount_minor, currency, 'fail', reason
from ledger.journal where kind = 'transfer';

-- Two invoices: one is paid; the other's only payment failed.
insert into invoicing.invoice (id, account_id, customer_id, amount_minor, currency, reference, state, payment_id, paid_at) values
    ('30000000-0000-0000-0000-000000000001', '10000000-0000-0000-0000-0000000000a1', gen_random_uuid(), 700, 'EUR', 'r', 'paid',
     '40000000-0000-0000-0000-000000000001', '2026-01-02 10:00Z'),
    ('30000000-0000-0000-0000-000000000002', '10000000-0000-0000-0000-0000000000a1', gen_random_uuid(), 900, 'EUR', 'r', 'open', null, null);
insert into invoicing.payment (id, invoice_id, amount_minor, currency, method, payment_method, state, processor, processor_reference,
                               charge_key, charge_key_at, journey, reason, charged_at) values
    ('40000000-0000-0000-0000-000000000001', '30000000-0000-0000-0000-000000000001', 700, 'EUR', 'card', 'pm_card_visa', 'captured',
     'stripe', 'pi_1', gen_random_uuid(), now(), 'j', null, '2026-01-02 10:00Z'),
    ('40000000-0000-0000-0000-000000000002', '30000000-0000-0000-0000-000000000002', 900, 'EUR', 'card', 'pm_card_visa', 'failed',
     'stripe', 'pi_2', gen_random_uuid(), now(), 'j', 'insufficient_funds', null);
insert into invoicing.receipt (id, invoice_id, payment_id, issuer, number, pdf, issued_at) values
    ('50000000-0000-0000-0000-000000000001', '30000000-0000-0000-0000-000000000001', '40000000-0000-0000-0000-000000000001',
     'quittance', 1, '%PDF-', now());
update invoicing.receipt_counter set last = 1;

insert into closure.account_closure (account_id, closure_id, state, notes, last_error, mambu_closed_at, e_closed_at, closed_at) values
    ('10000000-0000-0000-0000-0000000000b1', gen_random_uuid(), 'PARKED', 'n', 'contract_running', '2026-01-02 10:01Z', null, null),
    ('10000000-0000-0000-0000-0000000000c1', gen_random_uuid(), 'CLOSED', 'n', null, '2026-01-02 10:01Z', '2026-01-02 10:02Z', '2026-01-02 10:03Z');

-- One mail was sent, one is in doubt.
insert into notification.notification (id, kind, subject_id, channel, customer_id, content, state, last_error, expires_at, claimed_at, sent_at) values
    ('60000000-0000-0000-0000-000000000001', 'account.closed', '10000000-0000-0000-0000-0000000000c1', 'email', gen_random_uuid(), '{}', 'sent', null, now(), now(), now()),
    ('60000000-0000-0000-0000-000000000002', 'receipt.issued', '50000000-0000-0000-0000-000000000001', 'email', gen_random_uuid(), '{}', 'parked', 'in doubt', now(), now(), null);

-- A transfer was asked for and refused; who asked was told so.
insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id, causation_id, traceparent, broker, data, created_at)
values ('asked', '/functions/api', 'dev.quittance.transfer.requested.v1', '', '', 'j', '', '', 'requests',
        '{"transaction_id":"71000000-0000-0000-0000-000000000001"}', '2026-01-02 10:00Z');
insert into idempotency.request (caller, route, key, fingerprint, members, status, location, journey, body, answered_at, expires_at)
values (gen_random_uuid(), 'POST /api/v1/transaction', 'k1', sha256(''), '{}', 200, '', 'j',
        '{"transaction_id":"71000000-0000-0000-0000-000000000001","status":"fail"}', now(), now() + interval '30 days');

-- One event was handled; of another consumer it is a dead letter. A call to an
-- outside system is put off, long after its lease.
insert into delivery.subscription (consumer, type, since) values ('query', 't.v1', '2026-01-01'), ('banking', 't.v1', '2026-01-01');
insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id, causation_id, traceparent, broker, data, created_at)
values ('handled', '/s', 't.v1', '', '', 'j', '', '', 'money', '{"amount_minor":100}', '2026-01-01 10:00Z');
insert into delivery.idempotency (consumer, source, id, type, payload_hash, state, lease_until, first_seen, done_at) values
    ('query', '/s', 'handled', 't.v1', sha256(''), 'done', null, now(), now()),
    ('payment', '/s', 'put off', 'u.v1', sha256(''), 'claimed', now() - interval '2 minutes', now(), null);
insert into delivery.redelivery (consumer, source, id, why, due_at) values ('payment', '/s', 'put off', 'deferred', now());
insert into delivery.dead_letter (id, consumer, source, event_id, type, subject, correlation_id, traceparent, extensions, content_type, data, payload_hash, reason, attempts)
values (gen_random_uuid(), 'banking', '/s', 'handled', 't.v1', '', 'j', '', '{}', 'application/json', '', sha256(''), 'no', 3);

set session_replication_role = origin;
