-- What a role lacks for the steps of a plan: the object that it does not own, with the owner, or the schema that it may not
-- create anything in.
SELECT lacking.number, lacking.object, lacking.owner, current_user AS role
  FROM (SELECT s.number, coalesce(s.relation, s.routine) AS object, pg_catalog.pg_get_userbyid(o.owner)::text AS owner
          FROM (VALUES {steps}) AS s (number, relation, routine, schema)
         CROSS JOIN LATERAL (
               SELECT coalesce((SELECT c.relowner FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass(s.relation)),
                               (SELECT t.typowner FROM pg_catalog.pg_type AS t WHERE t.oid = pg_catalog.to_regtype(s.relation)),
                               (SELECT p.proowner FROM pg_catalog.pg_proc AS p WHERE p.oid = pg_catalog.to_regprocedure(s.routine)))
               AS owner) AS o
         WHERE NOT pg_catalog.pg_has_role(current_user, o.owner, 'USAGE')
         UNION ALL
        SELECT s.number, s.schema, NULL
          FROM (VALUES {steps}) AS s (number, relation, routine, schema)
          JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schema
         WHERE NOT pg_catalog.has_schema_privilege(current_user, n.oid, 'CREATE')) AS lacking
 ORDER BY lacking.number
 LIMIT 1
