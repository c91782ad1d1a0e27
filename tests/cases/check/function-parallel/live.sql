-- The parallel safety differs.
ALTER FUNCTION one() PARALLEL RESTRICTED;
