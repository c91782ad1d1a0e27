CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint REFERENCES users (id));
COMMENT ON CONSTRAINT keys_user_id_fkey ON keys IS 'Whom the key acts for.';
