CREATE FUNCTION series(a integer, b integer) RETURNS SETOF integer LANGUAGE internal IMMUTABLE STRICT AS 'generate_series_int4' SUPPORT generate_series_int4_support;
