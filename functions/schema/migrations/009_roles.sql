-- One role per function, with the grants it needs and no more. Roles belong to
-- the whole server, so they may be there already. They have no password: a
-- deployment gives each its own (docs/design.md, section 8).
do $$
declare
    name text;
begin
    foreach name in array array['api', 'validation', 'payment', 'ledger_posting', 'receipt', 'closure_mambu', 'closure_e', 'notification', 'banking', 'query', 'dead_letter', 'audit', 'relay'] loop
        if not exists (select from pg_roles where rolname = 'quittance_' || name) then
            execute format('create role quittance_%s login', name);
        end if;
    end loop;
end $$;

revoke all on schema public from public;

-- api
grant usage on schema delivery, accounts, ledger, banking, invoicing, query, closure to quittance_api;
grant select, insert, update on delivery.idempotency to quittance_api;
grant select, insert on delivery.outbox to quittance_api;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_api;
grant select, insert on accounts.customer to quittance_api;
grant select, insert on accounts.account to quittance_api;
grant select, insert, update (status, closing_at) on ledger.account to quittance_api;
grant select, insert on banking.operation to quittance_api;
grant select, insert (id, account_id, customer_id, amount_minor, currency, reference) on invoicing.invoice to quittance_api;
grant select, insert (id, invoice_id, amount_minor, currency, method, payment_method) on invoicing.payment to quittance_api;
grant select on invoicing.receipt to quittance_api;
grant select on query.account_projection to quittance_api;
grant select on query.balance to quittance_api;
grant select on query.transaction to quittance_api;
grant select on closure.account_closure to quittance_api;
grant select on closure.account_closure_events to quittance_api;
grant select on delivery.dead_letter to quittance_api;
grant select on delivery.subscription to quittance_api;

-- validation
grant usage on schema delivery, invoicing to quittance_validation;
grant select, insert, update on delivery.idempotency to quittance_validation;
grant select, insert on delivery.outbox to quittance_validation;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_validation;
grant select on invoicing.invoice to quittance_validation;
grant select, update (state, reason, updated_at) on invoicing.payment to quittance_validation;

-- payment
grant usage on schema delivery, invoicing to quittance_payment;
grant select, insert, update on delivery.idempotency to quittance_payment;
grant select, insert on delivery.outbox to quittance_payment;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_payment;
grant select, update (state, payment_id, paid_at) on invoicing.invoice to quittance_payment;
grant select, update (state, processor, processor_reference, charge_key, charge_key_at, journey, reason, charged_at, updated_at, swept_at) on invoicing.payment to quittance_payment;

-- ledger-posting
grant usage on schema delivery, ledger to quittance_ledger_posting;
grant select, insert, update on delivery.idempotency to quittance_ledger_posting;
grant select, insert on delivery.outbox to quittance_ledger_posting;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_ledger_posting;
grant select, update (balance_minor, seq, deposits, status, closing_at) on ledger.account to quittance_ledger_posting;
grant select, insert on ledger.journal to quittance_ledger_posting;
grant select, insert on ledger.entry to quittance_ledger_posting;
grant select, insert on ledger.suspense_case to quittance_ledger_posting;

-- receipt
grant usage on schema delivery, invoicing to quittance_receipt;
grant select, insert, update on delivery.idempotency to quittance_receipt;
grant select, insert on delivery.outbox to quittance_receipt;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_receipt;
grant select on invoicing.invoice to quittance_receipt;
grant select on invoicing.payment to quittance_receipt;
grant select, insert on invoicing.receipt to quittance_receipt;
grant select, update (last) on invoicing.receipt_counter to quittance_receipt;

-- closure-mambu
grant usage on schema delivery, closure, ledger to quittance_closure_mambu;
grant select, insert, update on delivery.idempotency to quittance_closure_mambu;
grant select, insert on delivery.outbox to quittance_closure_mambu;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_closure_mambu;
grant select, insert, update (state, mambu_closed_at, last_error) on closure.account_closure to quittance_closure_mambu;
grant select on closure.account_closure_events to quittance_closure_mambu;
grant select on ledger.account to quittance_closure_mambu;

-- closure-e
grant usage on schema delivery, closure, ledger to quittance_closure_e;
grant select, insert, update on delivery.idempotency to quittance_closure_e;
grant select, insert on delivery.outbox to quittance_closure_e;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_closure_e;
grant select, update (state, e_closed_at, closed_at, email_sent_at, last_error) on closure.account_closure to quittance_closure_e;
grant select on closure.account_closure_events to quittance_closure_e;
grant select, update (status, closed_at) on ledger.account to quittance_closure_e;

-- notification
grant usage on schema delivery, notification, accounts, invoicing to quittance_notification;
grant select, insert, update on delivery.idempotency to quittance_notification;
grant select, insert on delivery.outbox to quittance_notification;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_notification;
grant select, insert, update on notification.notification to quittance_notification;
grant select on accounts.customer to quittance_notification;
grant select on accounts.account to quittance_notification;
grant select on invoicing.invoice to quittance_notification;
grant select on invoicing.receipt to quittance_notification;

-- banking
grant usage on schema delivery, banking to quittance_banking;
grant select, insert, update on delivery.idempotency to quittance_banking;
grant select, insert on delivery.outbox to quittance_banking;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_banking;
grant select, insert, update (state, reason, balance_minor, finished_at) on banking.operation to quittance_banking;
grant select, insert, update on banking.account_projection to quittance_banking;

-- query
grant usage on schema delivery, query to quittance_query;
grant select, insert, update on delivery.idempotency to quittance_query;
grant select, insert on delivery.outbox to quittance_query;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_query;
grant select, insert, update, delete on query.account_projection to quittance_query;
grant select, insert, update, delete on query.balance to quittance_query;
grant select, insert, update, delete on query.transaction to quittance_query;

-- dead-letter
grant usage on schema delivery to quittance_dead_letter;
grant select, insert, update on delivery.idempotency to quittance_dead_letter;
grant select, insert on delivery.outbox to quittance_dead_letter;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_dead_letter;
grant select, insert, update on delivery.dead_letter to quittance_dead_letter;

-- audit
grant usage on schema delivery to quittance_audit;
grant select, insert, update on delivery.idempotency to quittance_audit;
grant select, insert on delivery.outbox to quittance_audit;
grant select, insert, update on delivery.failure, delivery.redelivery to quittance_audit;
grant select on delivery.subscription to quittance_audit;
grant select on delivery.dead_letter to quittance_audit;
grant select, update on delivery.audit_mark to quittance_audit;
grant execute on function delivery.make_partitions(integer) to quittance_audit;

-- relay
grant usage on schema delivery to quittance_relay;
grant select, update (attempts, due_at, sent_at) on delivery.outbox to quittance_relay;
grant select, insert, update, delete on delivery.redelivery to quittance_relay;
grant select, insert, update on delivery.dead_letter to quittance_relay;
grant select on delivery.failure, delivery.idempotency to quittance_relay;

---- create above / drop below ----
-- Roles stay: they belong to the server, and other databases may use them.
