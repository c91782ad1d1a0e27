-- The default privilege for new tables is missing.
ALTER DEFAULT PRIVILEGES IN SCHEMA billing REVOKE SELECT ON TABLES FROM pg_monitor;
