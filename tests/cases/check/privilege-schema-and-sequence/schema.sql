CREATE SCHEMA billing;
CREATE SEQUENCE billing.numbers;
GRANT USAGE ON SCHEMA billing TO pg_monitor;
GRANT USAGE ON SEQUENCE billing.numbers TO pg_monitor;
