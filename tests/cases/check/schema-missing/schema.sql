CREATE SCHEMA billing;
CREATE TABLE billing.invoices (id bigint PRIMARY KEY);
CREATE TABLE users (id bigint PRIMARY KEY);
