-- The tables and materialized views that hold rows of their own, without those of extensions, and their columns that can be
-- written: name, whether a default makes a value, whether it is an identity column.
SELECT format('%I.%I', n.nspname, c.relname) AS path, c.relkind = 'm' AS is_view,
       coalesce((SELECT json_agg(json_build_array(quote_ident(a.attname), a.atthasdef OR a.attidentity <> '', a.attidentity <> '')
                                 ORDER BY a.attnum)
                   FROM pg_attribute AS a
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '[]') AS columns
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'trueup')
   AND NOT EXISTS (SELECT FROM pg_depend AS e
                    WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
 ORDER BY 1
