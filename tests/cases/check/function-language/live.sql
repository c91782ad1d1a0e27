-- Language and body differ: one finding.
CREATE OR REPLACE FUNCTION one() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
