CREATE TABLE users (id bigint PRIMARY KEY);
CREATE VIEW a AS SELECT id FROM users JOIN users self USING (id);
CREATE VIEW b AS SELECT id FROM a JOIN users USING (id);
