CREATE TABLE users (id bigint PRIMARY KEY, email varchar(255), total numeric(12, 2), at timestamptz(3), tags text[]);
