-- ON DELETE sets both columns to NULL.
ALTER TABLE keys DROP CONSTRAINT keys_usr_fkey;
ALTER TABLE keys ADD CONSTRAINT keys_usr_fkey FOREIGN KEY (org, usr) REFERENCES users ON DELETE SET NULL;
