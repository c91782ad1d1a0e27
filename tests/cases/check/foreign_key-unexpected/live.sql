-- A foreign key that nobody declared.
ALTER TABLE keys ADD FOREIGN KEY (user_id) REFERENCES users (id);
