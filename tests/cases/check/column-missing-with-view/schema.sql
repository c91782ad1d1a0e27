CREATE TABLE users (id bigint PRIMARY KEY, username text);
CREATE VIEW usernames AS SELECT id, users.username FROM users JOIN users self USING (id);
