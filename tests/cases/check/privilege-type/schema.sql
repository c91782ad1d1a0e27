CREATE TYPE mood AS ENUM ('ok');
GRANT USAGE ON TYPE mood TO pg_monitor;
