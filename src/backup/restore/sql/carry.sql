-- What is set for a database, and who may do what with it: parts of it that no archive restores. The kind is the first
-- column.
SELECT 'setting', r.rolname, split_part(c.setting, '=', 1), substr(c.setting, strpos(c.setting, '=') + 1)
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
