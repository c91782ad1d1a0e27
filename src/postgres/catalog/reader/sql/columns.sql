-- Columns, also those of composite types and materialized views; those of views for the names of their comments;
-- of indexes only what their keys have been given beyond the definition.
SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attstorage, a.attnotnull
     , nullif(a.attidentity, ''), nullif(a.attgenerated, ''), nullif(a.attcompression, '')
     , nullif(a.attstattarget, -1), a.attoptions
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
 WHERE a.attrelid >= '16384' AND a.attnum > 0 AND NOT a.attisdropped AND c.relpersistence <> 't'
   AND (c.relkind IN ('r', 'p', 'm', 'c', 'v')
        OR c.relkind IN ('i', 'I') AND (a.attstattarget >= 0 OR a.attoptions IS NOT NULL))
