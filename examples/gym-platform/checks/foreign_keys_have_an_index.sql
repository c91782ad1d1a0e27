-- An index serves when its first columns are those of the key, in any order, and it holds all rows.
-- title: Every foreign key has an index
-- severity: warning
-- key: foreign_key
-- show: referring_table, referring_columns
-- find:
SELECT c.conname AS foreign_key,
       c.conrelid::regclass::text AS referring_table,
       (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum)
          FROM pg_attribute a
         WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)) AS referring_columns
  FROM pg_constraint c
 WHERE c.contype = 'f'
   AND c.connamespace = 'public'::regnamespace
   AND NOT EXISTS (
           SELECT FROM pg_index i
            WHERE i.indrelid = c.conrelid
              AND i.indisvalid
              AND i.indpred IS NULL
              AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey);
