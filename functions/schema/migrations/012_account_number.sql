-- accounts: a number for people. An id is for programs; nobody reads a UUID out
-- over the telephone. The database counts, so no two accounts ever share one; what
-- is rolled back leaves a gap, as everywhere where two may count at once.
alter table accounts.account
    add number bigint not null generated always as identity constraint account_number unique;
comment on column accounts.account.number is 'what people call the account; given by the database, never changed, never given again';

---- create above / drop below ----
alter table accounts.account drop column number;
