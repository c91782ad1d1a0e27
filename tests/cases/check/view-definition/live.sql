-- The definition differs: shown as a diff.
-- Across 16 the two servers print views differently, and what differs there is unknown, not drift.
CREATE OR REPLACE VIEW active_users AS SELECT id FROM users JOIN users self USING (id);
