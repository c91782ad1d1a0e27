-- An OUT argument has another name, and an array is not variadic.
CREATE FUNCTION split(IN whole text, OUT head text, OUT rest text) LANGUAGE sql AS $$ SELECT left(whole, 1), substr(whole, 2) $$;
CREATE FUNCTION total(n integer[]) RETURNS integer LANGUAGE sql AS 'SELECT sum(x)::integer FROM unnest(n) x';
