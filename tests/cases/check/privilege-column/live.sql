-- The privilege is on another column as well.
GRANT SELECT (email) ON users TO pg_monitor;
