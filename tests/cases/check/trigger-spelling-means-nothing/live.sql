-- No finding: the order of events, and a word of older releases.
DROP TRIGGER t ON users;
CREATE TRIGGER t AFTER DELETE OR UPDATE OR INSERT ON public.users FOR EACH STATEMENT EXECUTE PROCEDURE a();
