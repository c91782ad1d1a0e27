-- The foreign key is on another column.
ALTER TABLE keys DROP CONSTRAINT keys_user;
ALTER TABLE keys ADD CONSTRAINT keys_user FOREIGN KEY (made_by) REFERENCES users;
