-- A broker that gives up on an event before its Trigger's filter has seen it
-- sends it to the consumer's dead-letter sink, also one that the consumer does
-- not hear. The sink looks that up.
grant select on delivery.subscription to quittance_dead_letter;

---- create above / drop below ----
revoke select on delivery.subscription from quittance_dead_letter;
