CREATE TABLE users (id bigint PRIMARY KEY, org bigint, email text);
CREATE INDEX users_email_idx ON users (org, email);
