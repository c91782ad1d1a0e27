CREATE VIEW people AS SELECT id, full_name(users) AS name FROM users;
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE keys ADD FOREIGN KEY (user_id) REFERENCES users;
