-- No finding: the model declares no owners.
ALTER TABLE users OWNER TO pg_monitor;
ALTER FUNCTION one() OWNER TO pg_monitor;
