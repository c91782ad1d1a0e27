-- Constraints of tables, without those that a parent table's constraint made.
SELECT o.oid, o.conrelid, o.conname, o.contype, o.condeferrable, o.condeferred, o.convalidated, o.connoinherit
     , o.conindid, o.conkey, o.confrelid, o.confkey, o.confupdtype, o.confdeltype, o.confmatchtype
     , o.confdelsetcols  --? 15+
     , NULL              --? <15
     , o.conenforced     --? 18+
     , true              --? <18
     , o.conperiod       --? 18+
     , false             --? <18
     , o.conbin
  FROM pg_constraint o
 WHERE o.oid >= '16384' AND o.conrelid <> '0' AND o.conparentid = '0' AND (o.conislocal OR o.coninhcount = 0)
   AND (o.contype IN ('c', 'f', 'p', 'u', 'x')
        OR o.contype = 'n' AND (NOT o.convalidated OR o.connoinherit)  --? 18+
       )
