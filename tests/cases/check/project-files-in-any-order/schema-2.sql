CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint, kind key_kind NOT NULL);
CREATE FUNCTION full_name(u users) RETURNS text LANGUAGE sql AS 'SELECT u.name';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
