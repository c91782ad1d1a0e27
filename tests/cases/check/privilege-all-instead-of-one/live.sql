-- Every privilege instead of one, and MAINTAIN where there is one.
GRANT ALL ON users TO pg_monitor;
