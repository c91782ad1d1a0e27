-- No finding: two spellings of each expression.
CREATE TABLE keys (id bigint PRIMARY KEY, state text, n integer);
ALTER TABLE keys ADD CONSTRAINT a CHECK (((state = ANY (ARRAY['on'::text, 'off'::text]))));
ALTER TABLE keys ADD CONSTRAINT b CHECK (n >= 1 AND n <= 5);
