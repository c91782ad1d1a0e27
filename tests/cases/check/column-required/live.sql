-- The column does not accept NULL: the application's INSERT fails.
ALTER TABLE users ALTER COLUMN password_hash SET NOT NULL;
