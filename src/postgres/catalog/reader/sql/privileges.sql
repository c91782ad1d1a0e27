-- Who may do what, without the owners themselves. Grantee NULL is PUBLIC. An ACL that is NULL is the built-in one,
-- which gives something to others than the owner only for routines and types.
SELECT g.class, g.oid, a.attname, CASE WHEN x.grantee <> 0 THEN pg_get_userbyid(x.grantee) END
     , x.privilege_type, x.is_grantable
  FROM (SELECT 'pg_class'::regclass::oid AS class, oid, NULL::int2 AS attnum, relowner AS owner, relacl AS acl
          FROM pg_class WHERE oid >= '16384' AND relacl IS NOT NULL
        UNION ALL
        SELECT 'pg_class'::regclass::oid, c.oid, a.attnum, c.relowner, a.attacl
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.oid >= '16384' AND a.attacl IS NOT NULL AND NOT a.attisdropped
        UNION ALL
        SELECT 'pg_namespace'::regclass::oid, oid, NULL, nspowner, nspacl FROM pg_namespace WHERE nspacl IS NOT NULL
        UNION ALL
        SELECT 'pg_proc'::regclass::oid, oid, NULL, proowner, coalesce(proacl, acldefault('f', proowner))
          FROM pg_proc WHERE oid >= '16384'
        UNION ALL
        SELECT 'pg_type'::regclass::oid, oid, NULL, typowner, coalesce(typacl, acldefault('T', typowner))
          FROM pg_type WHERE oid >= '16384' AND typtype IN ('c', 'd', 'e', 'r')) AS g
 CROSS JOIN aclexplode(g.acl) AS x
  LEFT JOIN pg_attribute a ON a.attrelid = g.oid AND a.attnum = g.attnum AND g.attnum IS NOT NULL
 WHERE x.grantee <> g.owner
