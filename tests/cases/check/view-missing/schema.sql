CREATE TABLE users (id bigint PRIMARY KEY, deleted_at timestamptz);
CREATE VIEW active_users AS SELECT id FROM users JOIN users self USING (id) WHERE users.deleted_at IS NULL;
