-- Time, events, columns, condition and arguments differ: one finding.
DROP TRIGGER users_touch ON users;
CREATE TRIGGER users_touch AFTER INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
