-- Indexes, those of constraints too (what INCLUDE and WITH say of a constraint stands here).
-- 100 is the collation "default", 99 the schema pg_toast.
SELECT i.indexrelid, i.indrelid, c.relname, c.relam, i.indnkeyatts
     , i.indkey::text, i.indclass::text, i.indoption::text, i.indcollation::text
     , i.indisunique, i.indisvalid, i.indisreplident, i.indisclustered
     , i.indnullsnotdistinct  --? 15+
     , false                  --? <15
     , c.reloptions, c.reltablespace <> '0', i.indpred, i.indexprs
     , CASE WHEN NOT i.indcollation::oid[] <@ '{0,100}' THEN
           (i.indcollation::oid[])[0:]::regcollation[] END  -- a slice counts from 1, an oidvector from 0
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indexrelid >= '16384' AND c.relnamespace <> '99' AND c.relpersistence <> 't'
