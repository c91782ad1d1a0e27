CREATE TABLE users (id bigint PRIMARY KEY, email text);
CREATE VIEW people AS SELECT id FROM users JOIN users self USING (id);
