-- The planner support function is missing.
CREATE FUNCTION series(a integer, b integer) RETURNS SETOF integer LANGUAGE internal IMMUTABLE STRICT AS 'generate_series_int4';
