-- No finding: the model declares no privileges at all.
GRANT SELECT ON users TO pg_monitor;
GRANT USAGE ON SCHEMA public TO pg_monitor;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor;
