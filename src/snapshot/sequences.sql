-- Sequences that fill a column: those of identity columns, and those of defaults. The table has rows, and an index that
-- begins with the column. A partitioned table has no size of its own.
SELECT DISTINCT ON (s.seqrelid, t.oid, a.attnum) n.nspname AS schema, t.relname AS name, a.attname AS "column"
     , sn.nspname AS sequence_schema, sc.relname AS sequence_name
     , i.indisunique AND i.indnkeyatts = 1 AS is_unique, s.seqincrement < 0 AS descends, t.relkind = 'p' AS partitioned
  FROM pg_sequence s
  JOIN pg_class sc ON sc.oid = s.seqrelid
  JOIN pg_namespace sn ON sn.oid = sc.relnamespace
  JOIN LATERAL (
       SELECT d.refobjid AS relation, d.refobjsubid AS number
         FROM pg_depend d  -- 1259 is pg_class
        WHERE d.classid = '1259' AND d.objid = s.seqrelid AND d.refclassid = '1259' AND d.refobjsubid > 0
          AND d.deptype = 'i'
       UNION
       SELECT f.adrelid, f.adnum
         FROM pg_depend d  -- 2604 is pg_attrdef
         JOIN pg_attrdef f ON f.oid = d.objid
        WHERE d.classid = '2604' AND d.refclassid = '1259' AND d.refobjid = s.seqrelid) AS filled ON true
  JOIN pg_class t ON t.oid = filled.relation AND t.relkind IN ('r', 'p') AND t.relpersistence <> 't'
  JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname <> 'trueup'
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = filled.number AND NOT a.attisdropped
   AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
  JOIN pg_index i ON i.indrelid = t.oid AND i.indkey[0] = a.attnum AND i.indisvalid AND i.indpred IS NULL
  JOIN pg_class ic ON ic.oid = i.indexrelid
  JOIN pg_am am ON am.oid = ic.relam AND am.amname = 'btree'
 WHERE (t.relkind = 'p' OR pg_relation_size(t.oid) > 0)
   AND has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(sn.oid, 'USAGE')
   AND has_column_privilege(t.oid, a.attnum, 'SELECT') AND has_table_privilege(s.seqrelid, 'SELECT')
   AND NOT row_security_active(t.oid)
 ORDER BY s.seqrelid, t.oid, a.attnum, i.indisunique AND i.indnkeyatts = 1 DESC
