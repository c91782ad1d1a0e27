-- A declared privilege is missing.
REVOKE INSERT ON users FROM pg_monitor;
