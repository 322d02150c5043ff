-- One role per function, with the grants it needs and no more. Roles belong to
-- the whole server, so they may be there already. They have no password: a
-- deployment gives each its own (docs/design.md, section 8).
do $$
declare
    name text;
begin
    foreach name in array array['api', 'validation', 'payment', 'ledger_posting', 'receipt', 'closure_mambu', 'closure_e', 'notification', 'banking', 'query', 'dead_letter', 'audit', 'relay'] loop
        begin
            execute format('create role quittance_%s login', name);
        exception when duplicate_object or unique_violation then
            null; -- there, or being made by the migration of another database
        end;
    end loop;
end $$;

-- Postings run at the level SERIALIZABLE, where whoever reads a table as a whole
-- conflicts with everybody who writes to it: their statements read by index, how
-- small a table may be.
do $$
begin
    alter role quittance_ledger_posting set enable_seqscan = off;
    alter role quittance_ledger_posting set enable_hashjoin = off;
    alter role quittance_ledger_posting set enable_mergejoin = off;
exception when internal_error then
    null; -- the migration of another database of this server is at it
end $$;

-- Nobody has what is not granted below: no schema to make things in, no
-- temporary tables, no function but the one for partitions.
revoke all on schema public from public;
revoke execute on all functions in schema delivery, ledger, banking, invoicing, closure, notification from public;
do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$;

grant usage on schema delivery to
    quittance_api, quittance_validation, quittance_payment, quittance_ledger_posting, quittance_receipt,
    quittance_closure_mambu, quittance_closure_e, quittance_notification, quittance_banking, quittance_query,
    quittance_dead_letter, quittance_audit, quittance_relay;

-- What the kernel writes for every function that hears events: its claim, what
-- it says, what went wrong. It reads the outbox for a caller who asks again for
-- what was said.
grant select, insert, update (state, fence, lease_until, attempts, done_at) on delivery.idempotency to
    quittance_api, quittance_validation, quittance_payment, quittance_ledger_posting, quittance_receipt,
    quittance_closure_mambu, quittance_closure_e, quittance_notification, quittance_banking, quittance_query, quittance_audit;
grant select, insert (id, source, type, subject, partition_key, correlation_id, causation_id, traceparent, broker, data, created_at) on delivery.outbox to
    quittance_api, quittance_validation, quittance_payment, quittance_ledger_posting, quittance_receipt,
    quittance_closure_mambu, quittance_closure_e, quittance_notification, quittance_banking, quittance_query, quittance_audit;
grant insert (broker, source, id, created_at, due_at) on delivery.queue to
    quittance_api, quittance_validation, quittance_payment, quittance_ledger_posting, quittance_receipt,
    quittance_closure_mambu, quittance_closure_e, quittance_notification, quittance_banking, quittance_query, quittance_audit;
grant select, insert (consumer, source, id, last_error), update (attempts, last_error, last_at) on delivery.failure to
    quittance_api, quittance_validation, quittance_payment, quittance_ledger_posting, quittance_receipt,
    quittance_closure_mambu, quittance_closure_e, quittance_notification, quittance_banking, quittance_query, quittance_audit;

-- Those that call outside put an event off when the outcome stays unknown.
grant select, insert, update (why, due_at, attempts, lease) on delivery.redelivery to
    quittance_payment, quittance_closure_mambu, quittance_closure_e, quittance_notification;

-- api: what people and programs ask for, and its views
grant usage on schema accounts, ledger, banking, invoicing, query, closure to quittance_api;
grant select, insert on accounts.customer, accounts.account to quittance_api;
grant select, insert (id, kind, product, currency), update (status, closing_at) on ledger.account to quittance_api;
grant select, insert (id, kind, account_id, amount_minor, currency, requested_at) on banking.operation to quittance_api;
grant select, insert (id, account_id, customer_id, amount_minor, currency, reference) on invoicing.invoice to quittance_api;
grant select, insert (id, invoice_id, amount_minor, currency, method, payment_method) on invoicing.payment to quittance_api;
grant select on invoicing.receipt to quittance_api;
grant select on query.account_projection, query.balance, query.transaction to quittance_api;
grant select on closure.account_closure, closure.account_closure_events to quittance_api;
grant select on delivery.dead_letter to quittance_api;

-- validation
grant usage on schema invoicing to quittance_validation;
grant select on invoicing.invoice to quittance_validation;
grant select, update (state, reason, updated_at) on invoicing.payment to quittance_validation;

-- payment
grant usage on schema invoicing to quittance_payment;
grant select, update (state, payment_id, paid_at) on invoicing.invoice to quittance_payment;
grant select, update (state, processor, processor_reference, charge_key, charge_key_at, journey, reason, charged_at, updated_at, swept_at) on invoicing.payment to quittance_payment;

-- ledger-posting
grant usage on schema ledger to quittance_ledger_posting;
-- Balances are written by the trigger on the journal alone. To lock a row takes
-- the right to update some column of it; this one says nothing without a status.
grant select, update (closing_at) on ledger.account to quittance_ledger_posting;
grant select, insert on ledger.journal to quittance_ledger_posting;
grant select on ledger.entry to quittance_ledger_posting;
grant select, insert (id, journal_id, account_id, amount_minor, currency, reason) on ledger.suspense_case to quittance_ledger_posting;

-- receipt
grant usage on schema invoicing to quittance_receipt;
grant select on invoicing.invoice, invoicing.payment to quittance_receipt;
grant select, insert on invoicing.receipt to quittance_receipt;
grant select, update (last) on invoicing.receipt_counter to quittance_receipt;

-- closure-mambu: what was done is written by a trigger, not by it
grant usage on schema closure, ledger to quittance_closure_mambu;
grant select, insert (account_id, closure_id, notes, started_at, updated_at), update (state, mambu_closed_at, last_error) on closure.account_closure to quittance_closure_mambu;
grant select on ledger.account to quittance_closure_mambu;

-- closure-e
grant usage on schema closure, ledger to quittance_closure_e;
grant select, update (state, e_closed_at, closed_at, email_sent_at, last_error) on closure.account_closure to quittance_closure_e;
grant select, update (status, closed_at) on ledger.account to quittance_closure_e;

-- notification: the only one besides the api that reads where people live
grant usage on schema notification, accounts, invoicing to quittance_notification;
grant select, insert (id, kind, subject_id, channel, customer_id, content, expires_at, created_at), update (state, provider_id, last_error, claimed_at, sent_at) on notification.notification to quittance_notification;
grant select on accounts.customer, accounts.account to quittance_notification;
grant select on invoicing.invoice, invoicing.receipt to quittance_notification;

-- banking
grant usage on schema banking to quittance_banking;
grant select, insert, update (state, reason, balance_minor, finished_at) on banking.operation to quittance_banking;
grant select, insert, update (customer_id, currency, status) on banking.account_projection to quittance_banking;

-- query: projections are emptied and made again
grant usage on schema query to quittance_query;
grant select, insert, update, delete on query.account_projection, query.balance to quittance_query;
grant select, insert, delete on query.transaction to quittance_query;

-- dead-letter: claims nothing, hears everything
grant select, insert (id, source, type, subject, partition_key, correlation_id, causation_id, traceparent, broker, data, created_at) on delivery.outbox to quittance_dead_letter;
grant insert (broker, source, id, created_at, due_at) on delivery.queue to quittance_dead_letter;
grant select on delivery.idempotency, delivery.failure to quittance_dead_letter;
grant select, insert, update (times, last_at, reason, attempts, error_code, status) on delivery.dead_letter to quittance_dead_letter;
grant insert on delivery.redelivery to quittance_dead_letter;

-- audit
grant select on delivery.subscription, delivery.dead_letter to quittance_audit;
grant select, insert on delivery.redelivery to quittance_audit;
grant select, update (audited_to) on delivery.audit_mark to quittance_audit;
grant select, delete on delivery.sent to quittance_audit;
grant execute on function delivery.make_partitions(integer) to quittance_audit;

-- relay: the only one that takes from the queue
grant select on delivery.outbox to quittance_relay;
grant select, update (attempts, due_at, leased_until), delete on delivery.queue to quittance_relay;
grant insert on delivery.sent to quittance_relay;
grant select, insert, update (due_at, attempts, lease), delete on delivery.redelivery to quittance_relay;
grant select, insert, update (times, last_at, reason, attempts, error_code, status) on delivery.dead_letter to quittance_relay;
grant select on delivery.failure, delivery.idempotency to quittance_relay;

---- create above / drop below ----
-- Roles stay: they belong to the server, and other databases may use them.
