-- What PostgreSQL has beyond the modelled kinds and neither initdb nor an extension made: kind, schema, name, and
-- what else it takes to know it. What a modelled object made for itself (deptype i: the cast of a range) is not told,
-- nor what is in the server's own schemas: that is the server's, as of every other kind.
SELECT u.kind, n.nspname, u.name, u.rest
  FROM (SELECT 'foreign_data_wrapper' AS kind, 'pg_foreign_data_wrapper'::regclass::oid AS class, oid, 0::oid AS nsp
             , fdwname::text AS name, '' AS rest FROM pg_foreign_data_wrapper
        UNION ALL SELECT 'server', 'pg_foreign_server'::regclass, oid, 0, srvname, '' FROM pg_foreign_server
        UNION ALL SELECT 'user_mapping', 'pg_user_mapping'::regclass, umid, 0, srvname, ' FOR ' || usename
                    FROM pg_user_mappings
        UNION ALL SELECT 'publication', 'pg_publication'::regclass, oid, 0, pubname, '' FROM pg_publication
        UNION ALL SELECT 'subscription', 'pg_subscription'::regclass, 16384, 0, subname, '' FROM pg_subscription
                   WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        UNION ALL SELECT 'operator', 'pg_operator'::regclass, oid, oprnamespace, oprname
                       , '(' || concat_ws(', ', coalesce(format_type(nullif(oprleft, 0), NULL), 'NONE')
                                              , coalesce(format_type(nullif(oprright, 0), NULL), 'NONE')) || ')'
                    FROM pg_operator
        UNION ALL SELECT 'operator_family', 'pg_opfamily'::regclass, f.oid, opfnamespace, opfname, ' USING ' || amname
                    FROM pg_opfamily f JOIN pg_am a ON a.oid = opfmethod
        UNION ALL SELECT 'operator_class', 'pg_opclass'::regclass, o.oid, opcnamespace, opcname, ' USING ' || amname
                    FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod
        UNION ALL SELECT 'cast', 'pg_cast'::regclass, oid, 0, NULL
                       , '(' || format_type(castsource, NULL) || ' AS ' || format_type(casttarget, NULL) || ')'
                    FROM pg_cast
        UNION ALL SELECT 'conversion', 'pg_conversion'::regclass, oid, connamespace, conname, '' FROM pg_conversion
        UNION ALL SELECT 'text_search_configuration', 'pg_ts_config'::regclass, oid, cfgnamespace, cfgname, ''
                    FROM pg_ts_config
        UNION ALL SELECT 'text_search_dictionary', 'pg_ts_dict'::regclass, oid, dictnamespace, dictname, ''
                    FROM pg_ts_dict
        UNION ALL SELECT 'text_search_parser', 'pg_ts_parser'::regclass, oid, prsnamespace, prsname, ''
                    FROM pg_ts_parser
        UNION ALL SELECT 'text_search_template', 'pg_ts_template'::regclass, oid, tmplnamespace, tmplname, ''
                    FROM pg_ts_template
        UNION ALL SELECT 'transform', 'pg_transform'::regclass, t.oid, 0, NULL
                       , 'FOR ' || format_type(trftype, NULL) || ' LANGUAGE ' || quote_ident(lanname)
                    FROM pg_transform t JOIN pg_language l ON l.oid = trflang
        UNION ALL SELECT 'access_method', 'pg_am'::regclass, oid, 0, amname, '' FROM pg_am
        UNION ALL SELECT 'language', 'pg_language'::regclass, oid, 0, lanname, '' FROM pg_language
        UNION ALL SELECT 'type', 'pg_type'::regclass, t.oid, typnamespace, typname, '' FROM pg_type t
                   WHERE typtype IN ('b', 'p') AND typcategory <> 'A'
        UNION ALL SELECT 'security_label', 0, 16384, 0, NULL, count(*)::text || ' security labels of ' || provider
                    FROM pg_seclabel GROUP BY provider
        UNION ALL SELECT 'large_object', 0, 16384, 0, NULL, count(*)::text || ' large objects'
                    FROM pg_largeobject_metadata HAVING count(*) > 0) AS u
  LEFT JOIN pg_namespace n ON n.oid = u.nsp
 WHERE u.oid >= 16384
   AND (n.nspname IS NULL OR n.nspname NOT IN ('trueup', 'pg_catalog', 'information_schema'))
   AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = u.class AND e.objid = u.oid
                      AND (e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e' OR e.deptype = 'i'))
