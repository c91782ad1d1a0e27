-- What reading relations, or writing their rows, could run of roles that are weaker than the session's. Which relations, and
-- whether rows are written, is put in where it is named in braces. The planner evaluates immutable functions in index
-- expressions and predicates, statistics, checks, partition keys and domains, and looks at the children of a table, too; a
-- view and a policy run what their owners wrote. Functions, operators and types of the server itself have no entry in
-- pg_depend.
WITH RECURSIVE tree (root, oid) AS (
    SELECT asked.oid, asked.oid FROM unnest({oids}) AS asked (oid)
    UNION
    SELECT tree.root, next.oid
      FROM tree
     CROSS JOIN LATERAL (
           SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = tree.oid
           UNION ALL
           SELECT d.refobjid
             FROM pg_rewrite r
             JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
            WHERE r.ev_class = tree.oid AND d.refclassid = 'pg_class'::regclass) AS next (oid)
), part (root, class, oid) AS (
    SELECT root, 'pg_class'::regclass::oid, oid FROM tree
    UNION ALL
    SELECT tree.root, 'pg_class'::regclass, i.indexrelid
      FROM tree JOIN pg_index i ON i.indrelid = tree.oid
     WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
    UNION ALL
    SELECT tree.root, 'pg_statistic_ext'::regclass, s.oid
      FROM tree JOIN pg_statistic_ext s ON s.stxrelid = tree.oid
    UNION ALL
    SELECT tree.root, 'pg_constraint'::regclass, c.oid
      FROM tree JOIN pg_constraint c ON c.conrelid = tree.oid AND c.contype = 'c'
    UNION ALL
    SELECT tree.root, 'pg_attrdef'::regclass, d.oid
      FROM tree
      JOIN pg_attrdef d ON d.adrelid = tree.oid
      JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND ({writes} OR a.attgenerated <> '')
    UNION ALL
    SELECT tree.root, 'pg_rewrite'::regclass, r.oid FROM tree JOIN pg_rewrite r ON r.ev_class = tree.oid
    UNION ALL
    SELECT tree.root, 'pg_trigger'::regclass, g.oid
      FROM tree JOIN pg_trigger g ON g.tgrelid = tree.oid
     WHERE {writes} AND NOT g.tgisinternal AND g.tgenabled <> 'D'
), used (root, class, oid, refclass, refoid) AS (
    SELECT part.root, part.class, part.oid, d.refclassid, d.refobjid
      FROM part JOIN pg_depend d ON d.classid = part.class AND d.objid = part.oid
     WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
    UNION
    -- A domain's checks and what it is over, the elements of an array, the fields of a composite type.
    SELECT used.root, next.class, next.oid, next.refclass, next.refoid
      FROM used
     CROSS JOIN LATERAL (
           SELECT 'pg_type'::regclass::oid, t.oid, 'pg_type'::regclass::oid, under.oid
             FROM pg_type t CROSS JOIN LATERAL (VALUES (t.typbasetype), (t.typelem)) AS under (oid)
            WHERE used.refclass = 'pg_type'::regclass AND t.oid = used.refoid AND under.oid >= 16384
           UNION ALL
           SELECT 'pg_type'::regclass, t.oid, 'pg_type'::regclass, a.atttypid
             FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid
            WHERE used.refclass = 'pg_type'::regclass AND t.oid = used.refoid AND t.typtype = 'c'
              AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384
           UNION ALL
           SELECT 'pg_constraint'::regclass, c.oid, d.refclassid, d.refobjid
             FROM pg_constraint c
             JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = c.oid
            WHERE used.refclass = 'pg_type'::regclass AND c.contypid = used.refoid
              AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
              AND d.refobjid <> used.refoid) AS next (class, oid, refclass, refoid)
), owned (root, class, oid, refclass, refoid, owner) AS (
    SELECT used.*, p.proowner FROM used JOIN pg_proc p ON p.oid = used.refoid WHERE used.refclass = 'pg_proc'::regclass
    UNION ALL
    SELECT used.*, o.oprowner FROM used JOIN pg_operator o ON o.oid = used.refoid
     WHERE used.refclass = 'pg_operator'::regclass
    UNION ALL
    -- A domain's check may call what it likes, at any time that a value is cast.
    SELECT used.*, t.typowner FROM used JOIN pg_type t ON t.oid = used.refoid
     WHERE used.refclass = 'pg_type'::regclass AND t.typtype = 'd'
       AND EXISTS (SELECT FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype = 'c')
    UNION ALL
    -- A query in a view, and a policy, may call any function of the server.
    SELECT tree.root, 'pg_class'::regclass, tree.oid, 'pg_class'::regclass, tree.oid, c.relowner
      FROM tree JOIN pg_class c ON c.oid = tree.oid
     WHERE c.relkind IN ('v', 'f') OR c.relrowsecurity AND row_security_active(c.oid)
        OR {writes} AND c.relhasrules
)
SELECT DISTINCT ON (root) root, root::regclass::text AS relation, pg_describe_object(class, oid, 0) AS object
     , CASE WHEN (class, oid) <> (refclass, refoid) THEN pg_describe_object(refclass, refoid, 0) END AS uses
     , quote_ident(pg_get_userbyid(owner)) AS owner
  FROM owned
 -- Who is a member of the session's role, or a superuser, can do what it can.
 WHERE NOT pg_has_role(owner, SESSION_USER, 'MEMBER')
 ORDER BY root, class, oid, refclass, refoid
