-- The functions that an index, a check, a generated column or a materialized view uses, and whose text has a name of a
-- relation, function or type of the database without a schema. Such a name is found by the search_path of whoever runs the
-- function.
WITH used AS (
    SELECT DISTINCT p.oid, p.prosrc
      FROM pg_depend d
      JOIN pg_proc p ON p.oid = d.refobjid
      JOIN pg_language l ON l.oid = p.prolang
     WHERE d.refclassid = 'pg_proc'::regclass
       AND p.oid >= 16384 AND p.prosqlbody IS NULL AND l.lanname NOT IN ('internal', 'c')
       AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting (text) WHERE starts_with(text, 'search_path='))
       AND (d.classid = 'pg_class'::regclass
            AND EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = d.objid)
         OR d.classid = 'pg_constraint'::regclass
            AND EXISTS (SELECT FROM pg_constraint c WHERE c.oid = d.objid AND c.contype = 'c')
         OR d.classid = 'pg_attrdef'::regclass
            AND EXISTS (
                SELECT FROM pg_attrdef f
                  JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
                 WHERE f.oid = d.objid AND a.attgenerated <> '')
         OR d.classid = 'pg_rewrite'::regclass
            AND EXISTS (
                SELECT FROM pg_rewrite r
                  JOIN pg_class c ON c.oid = r.ev_class
                 WHERE r.oid = d.objid AND c.relkind = 'm'))
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
