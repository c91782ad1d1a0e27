-- ALTER DEFAULT PRIVILEGES, without what owners keep for themselves. Those for all schemas replace the built-in
-- ones: what PUBLIC has lost by that shows as a row without privilege.
SELECT pg_get_userbyid(d.defaclrole), n.nspname, d.defaclobjtype
     , CASE WHEN x.grantee <> 0 THEN pg_get_userbyid(x.grantee) END, x.privilege_type, x.is_grantable
  FROM pg_default_acl d
  LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
 CROSS JOIN aclexplode(d.defaclacl) AS x
 WHERE x.grantee <> d.defaclrole
UNION ALL
SELECT pg_get_userbyid(d.defaclrole), NULL, d.defaclobjtype, NULL, NULL, false
  FROM pg_default_acl d
 WHERE d.defaclnamespace = 0 AND d.defaclobjtype IN ('f', 'T')
   AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) AS x WHERE x.grantee = 0)
