-- Columns, also those of composite types and materialized views; those of views for the names of their comments;
-- of indexes only what their keys have been given beyond the definition.
-- A default refers to no column: printed without its table, the server need not open that, which costs most.
SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.attcollation
     , format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated
     , CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation END
     , CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END
     , a.attcompression, nullif(a.attstattarget, -1), a.attoptions, pg_get_expr(d.adbin, CASE a.attgenerated WHEN '' THEN 0 ELSE d.adrelid END)
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid >= '16384' AND a.attnum > 0 AND NOT a.attisdropped AND c.relpersistence <> 't'
   AND (c.relkind IN ('r', 'p', 'm', 'c', 'v')
        OR c.relkind IN ('i', 'I') AND (a.attstattarget >= 0 OR a.attoptions IS NOT NULL))
