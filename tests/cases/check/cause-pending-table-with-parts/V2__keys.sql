CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint REFERENCES users (id));
