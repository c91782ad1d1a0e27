-- No finding: made column by column, with dropped columns and other object ids.
CREATE TABLE users (gone integer);
ALTER TABLE users ADD COLUMN email text;
ALTER TABLE users ALTER COLUMN email SET DEFAULT '';
ALTER TABLE users ALTER COLUMN email SET NOT NULL;
ALTER TABLE users ADD COLUMN id bigint;
ALTER TABLE users DROP COLUMN gone;
ALTER TABLE users ADD CONSTRAINT users_email_check CHECK (email <> 'x');
ALTER TABLE users ADD PRIMARY KEY (id);
CREATE INDEX users_email_idx ON users (email);
