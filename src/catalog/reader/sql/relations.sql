-- Tables, views, sequences, composite types. An extension's are marked, not left out: foreign keys may name them.
SELECT c.oid, c.reltype, c.relnamespace, c.relname, c.relkind, c.relpersistence
     , c.relrowsecurity, c.relforcerowsecurity, c.relreplident
     , CASE WHEN c.reloftype <> '0' THEN format_type(c.reloftype, NULL) END
     , CASE WHEN c.relam NOT IN ('0', '2') THEN (SELECT amname FROM pg_am WHERE pg_am.oid = c.relam) END
     , c.reloptions, toast.reloptions, c.reltablespace <> '0'
     , CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END
     , CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END
     , CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END
     , pg_get_userbyid(c.relowner)  --? owners
     , NULL                         --? !owners
     , CASE c.relkind WHEN 'c' THEN c.reltype ELSE c.oid END IN (                             --? extensions
           SELECT objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass::oid            --? extensions
              AND classid IN ('pg_class'::regclass::oid, 'pg_type'::regclass::oid) AND deptype = 'e')   --? extensions
     , false                        --? !extensions
  FROM pg_class c
  LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid AND toast.reloptions IS NOT NULL
 WHERE c.oid >= '16384' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'c', 'f') AND c.relpersistence <> 't'
