-- No finding: the other application's schema is none of this project's.
CREATE SCHEMA billing;
CREATE TABLE billing.invoices (id bigint PRIMARY KEY);
