-- The grant option is missing.
REVOKE GRANT OPTION FOR SELECT ON users FROM pg_monitor;
