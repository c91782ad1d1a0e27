-- The functions whose names are looked up when they run, by the search_path of whoever runs them: whether this role may alter
-- them, and whether an index, a check, a generated column or a materialized view uses them. Functions whose body was parsed
-- when they were created (BEGIN ATOMIC) name what they use by its oid.
SELECT p.oid, p.oid::regprocedure::text AS function, p.prosrc, pg_has_role(p.proowner, 'USAGE') AS owned,
       EXISTS (
           SELECT FROM pg_depend d
            WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid
              AND (d.classid = 'pg_class'::regclass
                   AND EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = d.objid)
                -- Before 15 what a generated column uses is recorded of the column, and since then of its expression.
                OR d.classid = 'pg_class'::regclass
                   AND EXISTS (
                       SELECT FROM pg_attribute a
                        WHERE a.attrelid = d.objid AND a.attnum = d.objsubid AND a.attgenerated <> '')
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
                        WHERE r.oid = d.objid AND c.relkind = 'm'))) AS used
  FROM pg_proc p
  JOIN pg_language l ON l.oid = p.prolang
 WHERE p.oid >= 16384 AND p.prokind IN ('f', 'w') AND p.prosqlbody IS NULL AND l.lanname NOT IN ('internal', 'c')
   AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting (text) WHERE starts_with(text, 'search_path='))
