-- A public handle beside the address; NULL until the user chooses one, so that no row has to be rewritten.

ALTER TABLE users ADD COLUMN username text
    CONSTRAINT users_username_check CHECK (username ~ '^[a-z0-9_]{2,32}$');
COMMENT ON COLUMN users.username IS 'Public handle; NULL until the user has chosen one.';
CREATE UNIQUE INDEX users_username_key ON users (username);
