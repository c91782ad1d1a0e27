-- What stands outside of some schemas and goes with what is in them: CASCADE drops it. From pg_depend as DROP reads it: what
-- depends on an object that goes, and the whole of which an internal part goes (of a rule its view).
WITH RECURSIVE going AS (
    SELECT d.classid, d.objid, 0 AS objsubid
      FROM pg_namespace AS n
      JOIN pg_depend AS d
        ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid AND d.deptype = 'n'
     CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS o
     WHERE n.nspname IN ({schemas}) AND concat(o.type, ' ', o.identity) NOT IN ({kept})
       AND d.classid <> 'pg_extension'::regclass
       AND NOT EXISTS (SELECT FROM pg_depend AS e
                        WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype IN ('e', 'i'))
  UNION
    SELECT x.classid, x.objid, x.objsubid
      FROM going AS g
     CROSS JOIN LATERAL (
        SELECT d.classid, d.objid, d.objsubid FROM pg_depend AS d
         WHERE d.refclassid = g.classid AND d.refobjid = g.objid
           AND (g.objsubid = 0 OR d.refobjsubid = g.objsubid) AND d.deptype <> 'e'
        UNION ALL
        SELECT d.refclassid, d.refobjid, d.refobjsubid FROM pg_depend AS d
         WHERE d.classid = g.classid AND d.objid = g.objid AND d.deptype = 'i') AS x)
SELECT DISTINCT o.type, o.identity
  FROM going AS g
  LEFT JOIN pg_trigger AS t ON g.classid = 'pg_trigger'::regclass AND t.oid = g.objid
  LEFT JOIN pg_attrdef AS a ON g.classid = 'pg_attrdef'::regclass AND a.oid = g.objid
  LEFT JOIN pg_policy AS p ON g.classid = 'pg_policy'::regclass AND p.oid = g.objid
 CROSS JOIN LATERAL pg_identify_object(g.classid, g.objid, g.objsubid) AS o
 CROSS JOIN LATERAL (SELECT coalesce(o.schema, (SELECT quote_ident(n.nspname) FROM pg_class AS c
                                                  JOIN pg_namespace AS n ON n.oid = c.relnamespace
                                                 WHERE c.oid = coalesce(t.tgrelid, a.adrelid, p.polrelid))) AS name) AS place
 WHERE place.name NOT IN ({quoted}) AND place.name NOT LIKE 'pg\_%' AND o.type NOT IN ('rule', 'type', 'index')
       AND NOT coalesce(t.tgisinternal, false)
    OR concat(o.type, ' ', o.identity) IN ({kept})
 ORDER BY o.type, o.identity
 LIMIT 100
