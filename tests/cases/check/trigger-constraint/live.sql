-- The constraint trigger fires at once; and it is no constraint of the table.
DROP TRIGGER t ON users;
CREATE CONSTRAINT TRIGGER t AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION a();
