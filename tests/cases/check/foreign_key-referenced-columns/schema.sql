CREATE TABLE users (id bigint PRIMARY KEY, old_id bigint UNIQUE);
CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint REFERENCES users (id));
