-- The statements that give the owner and the grants of one relation or type (`seen.relation`), or of one routine
-- (`seen.routine`), to another one of its name: NULL where it has neither.
SELECT pg_catalog.string_agg(statement, '; ' ORDER BY place, statement)
  FROM (SELECT 1 AS place, pg_catalog.format('ALTER %s %s OWNER TO %I', k.kind, seen.relation, pg_catalog.pg_get_userbyid(c.relowner))
               AS statement
          FROM pg_catalog.pg_class AS c
          JOIN (VALUES ('v', 'VIEW'), ('m', 'MATERIALIZED VIEW'), ('S', 'SEQUENCE'), ('r', 'TABLE'), ('p', 'TABLE'),
                       ('f', 'FOREIGN TABLE'), ('c', 'TYPE')) AS k (relkind, kind) ON k.relkind = c.relkind::text
         WHERE c.oid = pg_catalog.to_regclass(seen.relation)
         UNION ALL
        SELECT 2, pg_catalog.format('GRANT %s ON %s TO %s%s', a.privilege_type, seen.relation,
                                    coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC'),
                                    CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
          FROM pg_catalog.pg_class AS c
         CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) AS a
          LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.grantee
         WHERE c.oid = pg_catalog.to_regclass(seen.relation) AND a.grantee <> c.relowner AND c.relkind <> 'S'
         UNION ALL
        SELECT 2, pg_catalog.format('GRANT %s (%I) ON %s TO %s%s', a.privilege_type, t.attname, seen.relation,
                                    coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC'),
                                    CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
          FROM pg_catalog.pg_attribute AS t
         CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) AS a
          LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.grantee
         WHERE t.attrelid = pg_catalog.to_regclass(seen.relation) AND NOT t.attisdropped
         UNION ALL
        SELECT 1, pg_catalog.format('ALTER TYPE %s OWNER TO %I', seen.relation, pg_catalog.pg_get_userbyid(t.typowner))
          FROM pg_catalog.pg_type AS t
         WHERE t.oid = pg_catalog.to_regtype(seen.relation) AND t.typrelid = 0
         UNION ALL
        SELECT 2, pg_catalog.format('GRANT USAGE ON TYPE %s TO %s', seen.relation, coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC'))
          FROM pg_catalog.pg_type AS t
         CROSS JOIN LATERAL pg_catalog.aclexplode(t.typacl) AS a
          LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.grantee
         WHERE t.oid = pg_catalog.to_regtype(seen.relation) AND t.typrelid = 0 AND a.grantee <> t.typowner
         UNION ALL
        SELECT 1, pg_catalog.format('ALTER ROUTINE %s OWNER TO %I', seen.routine, pg_catalog.pg_get_userbyid(p.proowner))
          FROM pg_catalog.pg_proc AS p WHERE p.oid = pg_catalog.to_regprocedure(seen.routine)
         UNION ALL
        SELECT 2, pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', seen.routine)
          FROM pg_catalog.pg_proc AS p WHERE p.oid = pg_catalog.to_regprocedure(seen.routine) AND p.proacl IS NOT NULL
         UNION ALL
        SELECT 3, pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO %s%s', seen.routine,
                                    coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC'),
                                    CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
          FROM pg_catalog.pg_proc AS p
         CROSS JOIN LATERAL pg_catalog.aclexplode(p.proacl) AS a
          LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.grantee
         WHERE p.oid = pg_catalog.to_regprocedure(seen.routine) AND a.grantee <> p.proowner) AS statements
