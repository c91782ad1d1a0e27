-- Indexes, those of constraints too (what INCLUDE and WITH say of a constraint stands here).
-- 100 is the collation "default".
SELECT i.indexrelid, i.indrelid, c.relname, c.relam, m.amname, i.indnkeyatts
     , i.indkey::text, i.indclass::text, i.indoption::text, i.indcollation::text
     , i.indisunique, i.indisvalid, i.indisreplident
     , i.indnullsnotdistinct  --? 15+
     , false                  --? <15
     , c.reloptions, c.reltablespace <> '0', i.indpred, i.indexprs
     , CASE WHEN NOT i.indcollation::oid[] <@ '{0,100}' THEN
           (i.indcollation::oid[])[0:]::regcollation[] END  -- a slice counts from 1, an oidvector from 0
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_am m ON m.oid = c.relam
 WHERE i.indexrelid >= '16384' AND c.relnamespace <> 'pg_toast'::regnamespace::oid AND c.relpersistence <> 't'
