-- What the role lacks, one right on one object a row. Names are compared, and not looked up with to_regclass(), which refuses
-- a schema that the role may not use. {schemas}, {histories}, {place} and {seeds} are filled in.
WITH every AS (
    SELECT n.oid, n.nspname, n.nspname <> 'trueup' AND (cardinality({schemas}) = 0 OR n.nspname = ANY ({schemas})) AS declared
      FROM pg_namespace n
     WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
), relations AS (
    SELECT c.oid, c.relkind, c.relowner, c.relname, e.declared, e.nspname,
           quote_ident(e.nspname) || '.' || quote_ident(c.relname) AS name
      FROM pg_class c JOIN every e ON e.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
       AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), histories AS (
    -- The first one is the project's own.
    SELECT r.oid, r.name, h.number
      FROM (VALUES {histories}) AS h (number, nspname, relname) JOIN relations r USING (nspname, relname)
), seeds AS (
    -- Of the tables that a file may mean, the first one in the search_path is meant.
    SELECT DISTINCT ON (s.file) r.oid, r.name, r.nspname, r.declared
      FROM (VALUES {seeds}) AS s (file, place, nspname, relname) JOIN relations r USING (nspname, relname)
     ORDER BY s.file, s.place
), owned AS (
    -- A migration need not own the histories, and a sequence of a column has the owner of its table.
    SELECT r.name, r.nspname, o.rolname, o.rolsuper
      FROM relations r JOIN pg_roles o ON o.oid = r.relowner
     WHERE r.declared AND NOT pg_has_role(r.relowner, 'USAGE')
       AND r.oid NOT IN (SELECT oid FROM histories)
       AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid
                          AND d.refclassid = 'pg_class'::regclass AND r.relkind = 'S' AND d.deptype IN ('a', 'i'))
), lacks AS (
    SELECT 'usage' AS lacks, quote_ident(nspname) AS object, quote_ident(nspname) AS schema, declared
      FROM every WHERE NOT has_schema_privilege(oid, 'USAGE')
    UNION ALL
    SELECT 'create', quote_ident(nspname), quote_ident(nspname), true
      FROM every
     WHERE (declared OR nspname = {place} AND NOT EXISTS (SELECT FROM histories WHERE number = 1))
       AND NOT has_schema_privilege(oid, 'CREATE')
    UNION ALL
    SELECT 'select', name, quote_ident(nspname), declared
      FROM relations WHERE relkind IN ('r', 'p') AND NOT has_table_privilege(oid, 'SELECT')
    UNION ALL
    SELECT 'sequence', name, quote_ident(nspname), declared
      FROM relations
     -- A condition may be asked before the one in front of it, and of a table this would be an error.
     WHERE CASE relkind WHEN 'S' THEN NOT has_sequence_privilege(oid, 'SELECT') ELSE false END
    UNION ALL
    SELECT DISTINCT 'seed', name, quote_ident(nspname), declared
      FROM seeds
     WHERE NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE'))
    UNION ALL
    SELECT DISTINCT 'own', quote_ident(rolname), '', true FROM owned WHERE NOT rolsuper
    UNION ALL
    SELECT 'own_of_superuser', name, quote_ident(nspname), true FROM owned WHERE rolsuper
    UNION ALL
    SELECT 'history', name, '', true FROM histories WHERE number = 1 AND NOT has_table_privilege(oid, 'INSERT')
    UNION ALL
    SELECT 'records', quote_ident(current_database()), '', true
     WHERE NOT EXISTS (SELECT FROM every WHERE nspname = 'trueup') AND NOT has_database_privilege(current_database(), 'CREATE')
    UNION ALL
    SELECT 'own_records', quote_ident(e.nspname), '', false
      FROM every e
     WHERE e.nspname = 'trueup'
       AND (NOT has_schema_privilege(e.oid, 'USAGE')
            OR EXISTS (SELECT FROM relations r
                        WHERE r.nspname = e.nspname AND r.relkind = 'r'
                          AND NOT (has_table_privilege(r.oid, 'SELECT') AND has_table_privilege(r.oid, 'INSERT')
                                   AND has_table_privilege(r.oid, 'UPDATE') AND has_table_privilege(r.oid, 'DELETE'))))
    UNION ALL
    SELECT 'createdb', '', '', true
      FROM pg_roles WHERE rolname = session_user AND NOT (rolcreatedb OR rolsuper)
)
SELECT lacks, object, schema, declared, quote_ident(current_user) AS role, quote_ident(session_user) AS login FROM lacks
UNION ALL
SELECT '', '', '', false, quote_ident(current_user), quote_ident(session_user)
ORDER BY 1, 2
