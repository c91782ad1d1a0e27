-- No finding: the same body under other dollar tags, the clauses in another order.
CREATE FUNCTION public.greet(IN who pg_catalog.text) RETURNS text AS $body$ SELECT 'Hi, ' || who $body$ VOLATILE LANGUAGE sql COST 100;
