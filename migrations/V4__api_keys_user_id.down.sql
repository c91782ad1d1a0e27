-- Whom each key acts for is gone with it.
ALTER TABLE api_keys DROP COLUMN user_id;
COMMENT ON TABLE api_keys IS 'Keys for programs.';
