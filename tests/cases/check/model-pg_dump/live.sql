-- The file that pg_dump writes is the model; its owner is another role here, and a trigger is missing.
CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
GRANT SELECT ON users TO pg_monitor;
