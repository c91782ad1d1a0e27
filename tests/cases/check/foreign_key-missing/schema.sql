CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint REFERENCES users (id));
