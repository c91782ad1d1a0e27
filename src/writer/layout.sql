-- Whether schema trueup is there; whether it has the tables of the first layout, and nothing but tables that run nobody's
-- code when they are written: plain ones, every type the server's own, and of defaults, checks and indexes only what
-- trueup makes (see schema.sql).
SELECT to_regnamespace('trueup') IS NOT NULL AS present,
       (SELECT count(*) FILTER (WHERE c.relname IN ('mark', 'runs', 'fence', 'steps', 'migrations')) = 5
           AND bool_and(
               c.relkind = 'r' AND c.relpersistence = 'p'
               AND NOT c.relhasrules AND NOT c.relhastriggers AND NOT c.relrowsecurity
               AND NOT EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
               AND NOT EXISTS (SELECT FROM pg_statistic_ext s WHERE s.stxrelid = c.oid)
               AND NOT EXISTS (
                 SELECT FROM pg_index i
                 WHERE i.indrelid = c.oid
                   AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR i.indisexclusion
                        OR EXISTS (SELECT FROM unnest(i.indclass) AS k(opclass) WHERE k.opclass >= '16384')))
               AND NOT EXISTS (
                 SELECT FROM pg_constraint k
                 WHERE k.conrelid = c.oid AND k.contype NOT IN ('p', 'u', 'n')
                   AND (k.contype <> 'c' OR pg_get_expr(k.conbin, k.conrelid) <> 'one'))
               AND NOT EXISTS (
                 SELECT FROM pg_attribute a
                 LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                   AND (a.atttypid >= '16384' OR a.attgenerated <> '' OR a.attidentity <> ''
                        OR pg_get_expr(d.adbin, d.adrelid) NOT IN
                           ('true', '0', 'gen_random_uuid()', 'clock_timestamp()', 'SESSION_USER',
                            'inet_client_addr()', 'pg_backend_pid()'))))
          FROM pg_class c
         WHERE c.relnamespace = to_regnamespace('trueup') AND c.relkind NOT IN ('i', 't', 'I')) AS genuine
