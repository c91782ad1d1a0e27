-- What a developer had in the database.
INSERT INTO users (email, password_hash) VALUES ('one@example.test', '$argon2id$1'), ('two@example.test', '$argon2id$2');
