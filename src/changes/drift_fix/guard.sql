-- What the catalog has of one relation or type (`seen.relation`), or of one routine (`seen.routine`), as one text: NULL where
-- there is none. Statistics, rights and what the server keeps for itself are left out.
SELECT pg_catalog.md5(pg_catalog.string_agg(part, E'\n' ORDER BY part COLLATE "C"))
  FROM (SELECT pg_catalog.to_regclass(seen.relation)::oid AS relation, pg_catalog.to_regtype(seen.relation)::oid AS type,
               pg_catalog.to_regprocedure(seen.routine)::oid AS routine OFFSET 0) AS o
 CROSS JOIN LATERAL (
       SELECT ROW('relation', c.oid, c.relkind, c.relowner, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
                  c.relreplident, c.relispartition, c.reloptions)::text AS part
         FROM pg_catalog.pg_class AS c WHERE c.oid = o.relation
       UNION ALL SELECT ROW('column', a)::text FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = o.relation AND a.attnum > 0
       UNION ALL SELECT ROW('default', d)::text FROM pg_catalog.pg_attrdef AS d WHERE d.adrelid = o.relation
       UNION ALL SELECT ROW('constraint', c)::text FROM pg_catalog.pg_constraint AS c
                  WHERE c.conrelid = o.relation OR c.contypid = o.type
       UNION ALL SELECT ROW('index', i.indexrelid, i.indisunique, i.indisvalid, i.indisready, i.indkey, i.indexprs, i.indpred)::text
                   FROM pg_catalog.pg_index AS i WHERE o.relation IN (i.indrelid, i.indexrelid)
       UNION ALL SELECT ROW('trigger', t)::text FROM pg_catalog.pg_trigger AS t
                  WHERE t.tgrelid = o.relation AND NOT t.tgisinternal
       UNION ALL SELECT ROW('policy', p)::text FROM pg_catalog.pg_policy AS p WHERE p.polrelid = o.relation
       UNION ALL SELECT ROW('rule', r)::text FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = o.relation
       UNION ALL SELECT ROW('sequence', s)::text FROM pg_catalog.pg_sequence AS s WHERE s.seqrelid = o.relation
       UNION ALL SELECT ROW('parent', h.inhparent)::text FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = o.relation
       UNION ALL SELECT ROW('type', t.oid, t.typowner, t.typbasetype, t.typtypmod, t.typnotnull, t.typdefault)::text
                   FROM pg_catalog.pg_type AS t WHERE t.oid = o.type
       UNION ALL SELECT ROW('label', e)::text FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = o.type
       UNION ALL SELECT ROW('routine', p)::text FROM pg_catalog.pg_proc AS p WHERE p.oid = o.routine
       UNION ALL SELECT ROW('comment', d.objsubid, d.description)::text FROM pg_catalog.pg_description AS d
                  WHERE d.objoid IN (o.relation, o.type, o.routine)
                    AND d.classoid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_type'::regclass, 'pg_catalog.pg_proc'::regclass)
       ) AS parts
