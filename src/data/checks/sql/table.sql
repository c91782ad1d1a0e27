-- A table that rows are repaired in, as JSON: its columns, what identifies a row, and what else happens when one is
-- changed. {oid} is the table's.
SELECT json_build_object(
    'oid', c.oid::int8,
    'schema', n.nspname,
    'name', c.relname,
    'kind', c.relkind,
    'deletable', has_table_privilege(c.oid, 'DELETE'),
    'has_children', c.relhassubclass AND c.relkind <> 'p',
    'columns', (
        SELECT COALESCE(json_agg(json_build_object(
                   'name', a.attname,
                   'type', format_type(a.atttypid, a.atttypmod),
                   'type_oid', a.atttypid::int8,
                   -- A plan's column of a user-defined type would keep the type from being dropped: the built-in type below it, if
                   -- there is one, else none.
                   'builtin_type', (
                       WITH RECURSIVE below (oid, typmod, depth) AS (
                           SELECT a.atttypid, a.atttypmod, 0
                           UNION ALL
                           SELECT d.typbasetype, d.typtypmod, below.depth + 1
                             FROM below JOIN pg_type d ON d.oid = below.oid AND d.typtype = 'd')
                       SELECT format_type(m.oid, below.typmod)
                         FROM below JOIN pg_type m ON m.oid = below.oid
                        WHERE m.oid < '16384' AND m.typtype IN ('b', 'r', 'm')
                        ORDER BY below.depth DESC LIMIT 1),
                   'domain', t.typtype = 'd',
                   'collated', a.attcollation <> 0,
                   'required', a.attnotnull,
                   'generated', a.attgenerated <> '',
                   'identity', a.attidentity = 'a',
                   'settable', has_column_privilege(c.oid, a.attnum, 'UPDATE')) ORDER BY a.attnum), '[]')
          FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'keys', (
        SELECT COALESCE(json_agg(json_build_object(
                   'index', x.relname,
                   'columns', (SELECT json_agg(a.attname) FROM pg_attribute a
                                WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])),
                   'valid', i.indisvalid AND i.indisready AND i.indimmediate,
                   'whole', i.indpred IS NULL AND i.indexprs IS NULL) ORDER BY x.relname), '[]')
          FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
         WHERE i.indrelid = c.oid AND i.indisunique),
    'triggers', (
        SELECT COALESCE(json_agg(json_build_object(
                   'name', t.tgname,
                   'function', p.oid::regprocedure::text,
                   'before', (t.tgtype & 2) <> 0,
                   'row', (t.tgtype & 1) <> 0,
                   'insert', (t.tgtype & 4) <> 0,
                   'delete', (t.tgtype & 8) <> 0,
                   'update', (t.tgtype & 16) <> 0,
                   'columns', (SELECT json_agg(a.attname) FROM pg_attribute a
                                WHERE a.attrelid = c.oid AND a.attnum = ANY (t.tgattr::int2[]))) ORDER BY t.tgname), '[]')
          FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
         WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')),
    -- What a DELETE, or another value of a column, takes along or changes elsewhere.
    'incoming', (
        SELECT COALESCE(json_agg(json_build_object(
                   'constraint', k.conname,
                   'table', quote_ident(rn.nspname) || '.' || quote_ident(r.relname),
                   'on_delete', k.confdeltype,
                   'on_update', k.confupdtype,
                   'columns', (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(k.conkey) WITH ORDINALITY u (attnum, place)
                                 JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum),
                   'referenced', (SELECT json_agg(a.attname ORDER BY u.place)
                                    FROM unnest(k.confkey) WITH ORDINALITY u (attnum, place)
                                    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum))
                   ORDER BY k.conname, k.oid), '[]')
          FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
         WHERE k.confrelid = c.oid AND k.contype = 'f'
           AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
           -- One of a partition that refers to it is its parent's; one that refers to the parent of this table is not.
           AND NOT EXISTS (SELECT FROM pg_constraint up WHERE up.oid = k.conparentid AND up.confrelid = c.oid)),
    'own_keys', (
        SELECT COALESCE(json_agg(json_build_object(
                   'columns', (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(k.conkey) WITH ORDINALITY u (attnum, place)
                                 JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum),
                   'referenced', (SELECT json_agg(a.attname ORDER BY u.place)
                                    FROM unnest(k.confkey) WITH ORDINALITY u (attnum, place)
                                    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum))
                   ORDER BY k.conname, k.oid), '[]')
          FROM pg_constraint k
         WHERE k.conrelid = c.oid AND k.contype = 'f'
           AND (k.confrelid = c.oid OR k.confrelid IN (SELECT up.relid FROM pg_partition_ancestors(c.oid) up (relid)))),
    'rules', (SELECT COALESCE(json_agg(r.rulename), '[]') FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_enabled <> 'D'),
    'bytes', pg_total_relation_size(c.oid))::text AS definition
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = '{oid}'
