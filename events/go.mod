module quittance.dev/events

go 1.26
