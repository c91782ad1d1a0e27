-- No finding: the body came from a file with CRLF line ends.
DO $do$ BEGIN
    EXECUTE 'CREATE FUNCTION greet(who text) RETURNS text LANGUAGE sql AS ' || quote_literal(E'\r\n    SELECT ''Hi, '' || who\r\n');
END $do$;
