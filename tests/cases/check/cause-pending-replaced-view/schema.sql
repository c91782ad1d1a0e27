CREATE TABLE users (id bigint PRIMARY KEY, email text);
CREATE VIEW people AS SELECT id, users.email FROM users JOIN users self USING (id);
