-- What stands in no schema and a migration may have created, in the words of DROP, and whether this role may drop it.
SELECT o.type, o.name, o.identity, coalesce(n.nspname, '') AS schema, pg_has_role(b.owner, 'USAGE') AS may_drop
  FROM (SELECT 'pg_extension'::regclass::oid AS class, oid, extowner AS owner FROM pg_extension WHERE oid >= '16384'
        UNION ALL SELECT 'pg_event_trigger'::regclass, oid, evtowner FROM pg_event_trigger
        UNION ALL SELECT 'pg_publication'::regclass, oid, pubowner FROM pg_publication
        UNION ALL SELECT 'pg_foreign_server'::regclass, oid, srvowner FROM pg_foreign_server
        UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, fdwowner FROM pg_foreign_data_wrapper
                   WHERE oid >= '16384') AS b
 CROSS JOIN LATERAL pg_identify_object(b.class, b.oid, 0) AS o
  LEFT JOIN pg_extension AS x ON b.class = 'pg_extension'::regclass AND x.oid = b.oid
  LEFT JOIN pg_namespace AS n ON n.oid = x.extnamespace
 WHERE NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.classid = b.class AND e.objid = b.oid AND e.deptype = 'e')
 ORDER BY b.class, o.identity
