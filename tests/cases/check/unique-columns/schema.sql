CREATE TABLE users (id bigint PRIMARY KEY, org bigint, email text, CONSTRAINT users_email_key UNIQUE (org, email));
