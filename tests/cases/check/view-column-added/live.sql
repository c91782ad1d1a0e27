-- The view has one more column: one finding for its definition.
-- Across 16 the two servers print views differently, and what differs there is unknown, not drift.
CREATE OR REPLACE VIEW people AS SELECT id, users.email FROM users JOIN users self USING (id);
