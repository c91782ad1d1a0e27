-- What the role lacks, one right on one object a row. @schemas@, @seeds@ and @history@ are put in as literals.
WITH every AS (
    SELECT n.oid, n.nspname, n.nspname <> 'trueup' AND (cardinality(@schemas@) = 0 OR n.nspname = ANY (@schemas@)) AS declared
      FROM pg_namespace n
     WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
), relations AS (
    SELECT c.oid, c.relkind, c.relowner, e.declared, e.nspname,
           quote_ident(e.nspname) || '.' || quote_ident(c.relname) AS name
      FROM pg_class c JOIN every e ON e.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
       AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), lacks AS (
    SELECT 'usage' AS lacks, quote_ident(nspname) AS object, quote_ident(nspname) AS schema, declared
      FROM every WHERE NOT has_schema_privilege(oid, 'USAGE')
    UNION ALL
    SELECT 'create', quote_ident(nspname), quote_ident(nspname), declared
      FROM every WHERE declared AND NOT has_schema_privilege(oid, 'CREATE')
    UNION ALL
    SELECT 'select', name, quote_ident(nspname), declared
      FROM relations WHERE relkind IN ('r', 'p') AND NOT has_table_privilege(oid, 'SELECT')
    UNION ALL
    SELECT 'sequence', name, quote_ident(nspname), declared
      FROM relations
     -- A condition may be asked before the one in front of it, and of a table this would be an error.
     WHERE CASE relkind WHEN 'S' THEN NOT has_sequence_privilege(oid, 'SELECT') ELSE false END
    UNION ALL
    SELECT 'seed', name, quote_ident(nspname), declared
      FROM relations
     WHERE oid::regclass IN (SELECT to_regclass(s) FROM unnest(@seeds@) s)
       AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE'))
    UNION ALL
    SELECT DISTINCT 'own', quote_ident(o.rolname), '', true
      FROM relations r JOIN pg_roles o ON o.oid = r.relowner
     WHERE r.declared AND NOT pg_has_role(r.relowner, 'USAGE')
    UNION ALL
    SELECT 'history', @history@, '', true
     WHERE to_regclass(@history@) IS NOT NULL AND NOT has_table_privilege(to_regclass(@history@), 'INSERT')
    UNION ALL
    SELECT 'records', quote_ident(current_database()), '', true
     WHERE to_regnamespace('trueup') IS NULL AND NOT has_database_privilege(current_database(), 'CREATE')
    UNION ALL
    SELECT 'own_records', quote_ident(nspname), '', false
      FROM relations WHERE nspname = 'trueup' AND relkind = 'r' AND NOT has_table_privilege(oid, 'INSERT')
    UNION ALL
    SELECT 'createdb', '', '', true
      FROM pg_roles WHERE rolname = session_user AND NOT (rolcreatedb OR rolsuper)
)
SELECT lacks, object, schema, declared, quote_ident(current_user) AS role, quote_ident(session_user) AS login FROM lacks
UNION ALL
SELECT '', '', '', false, quote_ident(current_user), quote_ident(session_user)
ORDER BY 1, 2
