-- An event trigger that nobody declared.
CREATE EVENT TRIGGER no_drop ON sql_drop EXECUTE FUNCTION guard();
