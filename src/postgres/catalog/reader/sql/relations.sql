-- Tables, views, sequences, composite types; of TOAST tables those that have parameters. An extension's are marked, not
-- left out: foreign keys may name them. Of those that have the name of a history table or of one of trueup's own
-- tables it returns the owner, and whether this role may read all rows: `10t`.
SELECT c.oid, c.reltype, c.relnamespace, c.relname, c.relkind, c.relpersistence
     , c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloftype, c.relam
     , c.reloptions, c.reltoastrelid, c.reltablespace <> '0', c.relispartition
     , pg_get_userbyid(c.relowner)  --? owners
     , NULL                         --? !owners
     , CASE c.relkind WHEN 'c' THEN c.reltype ELSE c.oid END IN (                             --? extensions
           SELECT objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass::oid            --? extensions
              AND classid IN ('pg_class'::regclass::oid, 'pg_type'::regclass::oid) AND deptype = 'e')   --? extensions
     , false                        --? !extensions
     , CASE WHEN c.relname IN ({history_tables}, {internal_tables}) THEN
           concat(c.relowner, has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(c.relnamespace, 'USAGE')
                              AND NOT row_security_active(c.oid)) END
  FROM pg_class c
 WHERE c.oid >= '16384' AND c.relpersistence <> 't'
   AND (c.relkind IN ('r', 'p', 'v', 'm', 'S', 'c', 'f') OR c.relkind = 't' AND c.reloptions IS NOT NULL)
