-- Which kinds of object the database has, so that no statement is sent that would find nothing: one row.
-- Everything that initdb made has an oid below 16384 (manual, "System Catalog Declarations and Initial Contents").
-- A catalog that never had a row has no pages: asking for its size is cheaper than planning a query. Where there are
-- pages, the section reads the catalog, and may find nothing.
-- Of base types, arrays are left out; a domain over an array is of their category, too, and counts.
-- Comments are not asked for: reading their one table costs no more than the question.
-- An object in a schema of the user's own, and a language, depends on something that initdb did not pin, and has a row
-- in pg_depend. One question finds operators (2617), operator families (2753), conversions (2607), text search
-- configurations, dictionaries, parsers and templates (3602, 3600, 3601, 3764), languages (2612), collations (3456).
SELECT EXISTS (SELECT FROM pg_extension WHERE oid >= '16384') AS extensions
     , pg_relation_size('pg_inherits') > 0 AS inheritance
     , pg_relation_size('pg_sequence') > 0 AS sequences
     , EXISTS (SELECT FROM pg_rewrite WHERE oid >= '16384' AND rulename <> '_RETURN') AS rules
     , pg_relation_size('pg_trigger') > 0 AS triggers
     , (SELECT string_agg(prokind::text, '') FROM pg_proc WHERE oid >= '16384') AS routine_kinds
     , (SELECT string_agg(typtype::text, '') FROM pg_type
         WHERE oid >= '16384' AND (typtype <> 'b' AND typtype <> 'c' OR typtype = 'b' AND typcategory <> 'A'))
       AS type_kinds
     , EXISTS (SELECT FROM pg_depend WHERE objid >= '16384' AND classid IN ('2617', '2753', '2607', '3602', '3600',
                                                                            '3601', '3764', '2612', '3456')) AS named
     , pg_relation_size('pg_policy') > 0 AS policies
     , pg_relation_size('pg_statistic_ext') > 0 AS statistics
     , pg_relation_size('pg_event_trigger') > 0 AS event_triggers
     , pg_relation_size('pg_default_acl') > 0 AS default_privileges
     , pg_relation_size('pg_transform') > 0 AS transforms
     , pg_relation_size('pg_foreign_data_wrapper') > 0
       OR pg_relation_size('pg_publication') > 0
       OR pg_relation_size('pg_subscription') > 0
       OR pg_relation_size('pg_seclabel') > 0
       OR pg_relation_size('pg_largeobject_metadata') > 0
       OR EXISTS (SELECT FROM pg_cast WHERE oid >= '16384')
       OR EXISTS (SELECT FROM pg_am WHERE oid >= '16384') AS unmodeled
