-- CREATE in the public schema is missing.
REVOKE CREATE ON SCHEMA public FROM pg_monitor;
