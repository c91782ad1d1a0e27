-- A key acts for a user. NOT VALID: no scan while the lock is held; V5 validates.

ALTER TABLE api_keys ADD COLUMN user_id bigint;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_user_id_fkey
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE NOT VALID;
COMMENT ON TABLE api_keys IS 'Keys for programs; a key acts for the user that it belongs to.';
COMMENT ON COLUMN api_keys.user_id IS 'Whom the key acts for.';
