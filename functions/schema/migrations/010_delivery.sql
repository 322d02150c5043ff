-- Which migration was the last one: a function asks before it works, and waits
-- while the schema is older than it needs. The table itself is the migrator's.
create view delivery.schema_version as select version from public.schema_version;
grant select on delivery.schema_version to
    quittance_api, quittance_validation, quittance_payment, quittance_ledger_posting, quittance_receipt,
    quittance_closure_mambu, quittance_closure_e, quittance_notification, quittance_banking, quittance_query,
    quittance_dead_letter, quittance_audit, quittance_relay;

-- What is said in a function's name is said by its role. The relay signs what it
-- finds in the outbox, so this is what a signature rests on. The role's part of
-- the name is worked out once per statement, not per row.
alter table delivery.outbox enable row level security;
create policy outbox_is_read on delivery.outbox for select using (true);
create policy outbox_names_its_sayer on delivery.outbox for insert
    with check (source = (select '/functions/' || replace(substr(current_user::text, length('quittance_') + 1), '_', '-')));

---- create above / drop below ----
drop policy outbox_names_its_sayer on delivery.outbox;
drop policy outbox_is_read on delivery.outbox;
alter table delivery.outbox disable row level security;
drop view delivery.schema_version;
