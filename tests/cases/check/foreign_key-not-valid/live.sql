-- The foreign key is NOT VALID: a warning, VALIDATE CONSTRAINT mends it.
ALTER TABLE keys DROP CONSTRAINT keys_user_id_fkey;
ALTER TABLE keys ADD FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
