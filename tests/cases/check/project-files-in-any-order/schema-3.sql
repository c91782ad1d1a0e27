CREATE TYPE key_kind AS ENUM ('user', 'program');
CREATE TABLE users (id bigint PRIMARY KEY, name text);
