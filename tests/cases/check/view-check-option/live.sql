-- Rows can be written through the view that it does not show.
CREATE OR REPLACE VIEW people AS SELECT id, active FROM users WHERE active;
