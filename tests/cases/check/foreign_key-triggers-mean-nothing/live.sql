-- No finding: the constraint was made again, so that its internal triggers have other names.
ALTER TABLE keys DROP CONSTRAINT keys_user_id_fkey;
ALTER TABLE keys ADD FOREIGN KEY (user_id) REFERENCES users;
