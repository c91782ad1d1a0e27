-- Privileges on the schema and on its sequence are missing.
REVOKE USAGE ON SCHEMA billing FROM pg_monitor;
REVOKE USAGE ON SEQUENCE billing.numbers FROM pg_monitor;
