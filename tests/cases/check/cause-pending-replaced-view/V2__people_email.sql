CREATE OR REPLACE VIEW people AS SELECT id, users.email FROM users JOIN users self USING (id);
