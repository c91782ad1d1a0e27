-- Of the functions of functions.sql those that are used, and whose text has a name of a relation, function or type of the database
-- without a schema.
WITH used AS (
    SELECT f.oid, f.prosrc FROM ({functions}) AS f WHERE f.used
), word AS (
    SELECT DISTINCT used.oid, lower(found.words[1])::name AS name
      FROM used
     CROSS JOIN LATERAL regexp_matches(used.prosrc, '(?<![.\w])([[:alpha:]_]\w*)\M(?!\s*\.)', 'g') AS found (words)
)
SELECT used.oid::regprocedure::text AS function
  FROM used
 WHERE EXISTS (
           SELECT FROM word
             JOIN pg_class c ON c.relname = word.name AND c.oid >= 16384 AND c.relkind <> 'i'
            WHERE word.oid = used.oid)
    OR EXISTS (
           SELECT FROM word JOIN pg_proc p ON p.proname = word.name AND p.oid >= 16384 WHERE word.oid = used.oid)
    OR EXISTS (
           SELECT FROM word JOIN pg_type t ON t.typname = word.name AND t.oid >= 16384 WHERE word.oid = used.oid)
 ORDER BY 1
