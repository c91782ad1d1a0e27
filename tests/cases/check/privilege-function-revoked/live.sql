-- Everybody may run the function again: its default privilege was given back.
GRANT EXECUTE ON FUNCTION secret() TO PUBLIC;
