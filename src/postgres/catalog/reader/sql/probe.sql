-- What the database has at all, so that nothing is asked for that is not there: one row.
-- Everything that initdb made has an oid below 16384 (manual, "System Catalog Declarations and Initial Contents").
-- A catalog that never had a row has no pages: that is cheaper to ask than a plan, and whoever finds one asks further.
-- Of base types, arrays are left out; a domain over an array is of their category, too, and counts.
-- Comments are not asked for here: the reading of their one table costs no more than the question.
-- What is in a schema of the user's own, and a language, depends on something that initdb did not pin, and has a row in
-- pg_depend: one question finds operators (2617), operator families (2753), conversions (2607), text search
-- configurations, dictionaries, parsers and templates (3602, 3600, 3601, 3764), languages (2612), collations (3456).
SELECT EXISTS (SELECT FROM pg_extension WHERE oid >= '16384')
     , pg_relation_size('pg_inherits') > 0
     , pg_relation_size('pg_sequence') > 0
     , EXISTS (SELECT FROM pg_rewrite WHERE oid >= '16384' AND rulename <> '_RETURN')
     , pg_relation_size('pg_trigger') > 0
     , (SELECT string_agg(prokind::text, '') FROM pg_proc WHERE oid >= '16384')
     , (SELECT string_agg(typtype::text, '') FROM pg_type
         WHERE oid >= '16384' AND (typtype <> 'b' AND typtype <> 'c' OR typtype = 'b' AND typcategory <> 'A'))
     , EXISTS (SELECT FROM pg_depend WHERE objid >= '16384' AND classid IN ('2617', '2753', '2607', '3602', '3600',
                                                                            '3601', '3764', '2612', '3456'))
     , pg_relation_size('pg_policy') > 0
     , pg_relation_size('pg_statistic_ext') > 0
     , pg_relation_size('pg_event_trigger') > 0
     , pg_relation_size('pg_default_acl') > 0
     , pg_relation_size('pg_transform') > 0
     , pg_relation_size('pg_foreign_data_wrapper') > 0
       OR pg_relation_size('pg_publication') > 0
       OR pg_relation_size('pg_subscription') > 0
       OR pg_relation_size('pg_seclabel') > 0
       OR pg_relation_size('pg_largeobject_metadata') > 0
       OR EXISTS (SELECT FROM pg_cast WHERE oid >= '16384')
       OR EXISTS (SELECT FROM pg_am WHERE oid >= '16384')
