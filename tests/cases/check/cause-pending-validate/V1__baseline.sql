CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint);
ALTER TABLE keys ADD CONSTRAINT keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
