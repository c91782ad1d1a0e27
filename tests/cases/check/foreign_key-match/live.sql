-- MATCH differs: half a key is accepted.
ALTER TABLE keys DROP CONSTRAINT keys_usr_fkey;
ALTER TABLE keys ADD CONSTRAINT keys_usr_fkey FOREIGN KEY (org, usr) REFERENCES users;
