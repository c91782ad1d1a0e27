-- The privileges of several roles on one table: the migration that changes those of one is named, and somebody revoked another's.
REVOKE SELECT ON users FROM pg_monitor;
