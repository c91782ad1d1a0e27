-- The foreign key is not enforced.
ALTER TABLE keys DROP CONSTRAINT keys_user_id_fkey;
ALTER TABLE keys ADD FOREIGN KEY (user_id) REFERENCES users (id) NOT ENFORCED;
