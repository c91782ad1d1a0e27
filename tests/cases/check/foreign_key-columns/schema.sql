CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint, made_by bigint, CONSTRAINT keys_user FOREIGN KEY (user_id) REFERENCES users);
