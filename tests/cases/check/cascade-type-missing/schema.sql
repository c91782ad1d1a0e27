CREATE TYPE mood AS ENUM ('ok');
CREATE TABLE users (id bigint PRIMARY KEY, m mood);
CREATE FUNCTION say(m mood) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
