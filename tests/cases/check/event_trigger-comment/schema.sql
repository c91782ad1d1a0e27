CREATE FUNCTION guard() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER no_drop ON sql_drop EXECUTE FUNCTION guard();
COMMENT ON EVENT TRIGGER no_drop IS 'Nobody drops.';
