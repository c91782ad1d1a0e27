-- On its own, because the scan must not run under the lock that V4 took.

ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_user_id_fkey;
