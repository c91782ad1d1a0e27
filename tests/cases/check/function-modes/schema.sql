CREATE FUNCTION split(IN whole text, OUT head text, OUT tail text) LANGUAGE sql AS $$ SELECT left(whole, 1), substr(whole, 2) $$;
CREATE FUNCTION total(VARIADIC n integer[]) RETURNS integer LANGUAGE sql AS 'SELECT sum(x)::integer FROM unnest(n) x';
