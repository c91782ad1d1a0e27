-- No finding: the model's files need each other in no order.
CREATE TYPE key_kind AS ENUM ('user', 'program');
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint REFERENCES users, kind key_kind NOT NULL);
CREATE FUNCTION full_name(u users) RETURNS text LANGUAGE sql AS 'SELECT u.name';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE VIEW people AS SELECT id, full_name(users) AS name FROM users;
