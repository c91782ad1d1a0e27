-- The comment is missing.
COMMENT ON CONSTRAINT keys_user_id_fkey ON keys IS NULL;
