-- Everything that can be set differs: one finding.
CREATE OR REPLACE FUNCTION one(a integer) RETURNS integer LANGUAGE sql AS 'SELECT a';
