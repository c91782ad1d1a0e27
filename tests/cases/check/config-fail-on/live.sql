-- Exit 0: only errors fail in this project.
CREATE INDEX users_email_idx ON users (email);
