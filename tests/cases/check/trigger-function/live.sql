-- The trigger runs another function.
DROP TRIGGER t ON users;
CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION b();
