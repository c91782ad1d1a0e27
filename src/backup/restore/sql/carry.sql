-- What is set for a database, and who may do what with it: no archive restores these parts of a database.
SELECT 'setting' AS kind, r.rolname AS role, split_part(c.setting, '=', 1) AS name,
       substr(c.setting, strpos(c.setting, '=') + 1) AS value
  FROM pg_db_role_setting s
  LEFT JOIN pg_roles r ON r.oid = s.setrole
 CROSS JOIN LATERAL unnest(s.setconfig) AS c(setting)
 WHERE s.setdatabase = $oid
UNION ALL
SELECT 'revoke', NULL, NULL, NULL FROM pg_database d WHERE d.oid = $oid AND d.datacl IS NOT NULL
UNION ALL
SELECT 'grant', r.rolname, a.privilege_type, a.is_grantable::text
  FROM pg_database d
 CROSS JOIN LATERAL aclexplode(d.datacl) AS a
  LEFT JOIN pg_roles r ON r.oid = a.grantee
 WHERE d.oid = $oid
