-- What stands directly in some schemas, belongs to no extension and is no part of something else (as the sequence of an identity
-- column is), in the words of DROP. Whether this role may drop it: as its
-- owner, or as the owner of its schema. Owners that initdb made are not in pg_shdepend.
SELECT n.nspname AS schema, o.type, o.identity, coalesce(c.relkind::text, '') AS relkind,
       pg_get_userbyid(coalesce(s.refobjid, 10)) AS owner,
       pg_has_role(coalesce(s.refobjid, 10), 'USAGE') OR pg_has_role(n.nspowner, 'USAGE') AS may_drop
  FROM pg_namespace AS n
  JOIN pg_depend AS d
    ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid AND d.deptype = 'n'
   AND d.classid <> 'pg_extension'::regclass
 CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS o
  LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
  LEFT JOIN pg_shdepend AS s
    ON s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND s.classid = d.classid AND s.objid = d.objid AND s.deptype = 'o'
 WHERE n.nspname IN ({schemas})
   AND NOT EXISTS (SELECT FROM pg_depend AS e
                    WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype IN ('e', 'i'))
 ORDER BY n.nspname, o.type, o.identity
