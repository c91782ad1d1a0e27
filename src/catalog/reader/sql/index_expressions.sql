SELECT i.indexrelid
     , ARRAY(SELECT pg_get_indexdef(i.indexrelid, key, false) FROM generate_series(1, i.indnkeyatts) key
              WHERE i.indkey[key - 1] = 0 ORDER BY key)
  FROM pg_index i
 WHERE i.indexrelid = ANY ('{@}')
