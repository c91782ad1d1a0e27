-- What stands in a schema of the search_path under a name of the server's own: an operator of the same name, or a function that a
-- query calls without a schema. PostgreSQL prefers it where its argument types fit better. What a weaker role wrote would run.
-- Nobody but a superuser writes functions in C.
SELECT 'shadow', format('function %s', p.oid::regprocedure), quote_ident(pg_get_userbyid(p.proowner)),
       format('operator %s', o.oid::regoperator)
  FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode JOIN pg_language l ON l.oid = p.prolang
 WHERE o.oprnamespace = ANY ((SELECT schemas FROM path)::oid[]) AND o.oprnamespace <> 'pg_catalog'::regnamespace
   AND o.oprname = ANY ({operators}::text[]) AND l.lanname NOT IN ('c', 'internal')
   AND NOT pg_has_role(p.proowner, SESSION_USER, 'MEMBER')
UNION ALL
SELECT 'shadow', format('function %s', p.oid::regprocedure), quote_ident(pg_get_userbyid(p.proowner)), NULL
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace = ANY ((SELECT schemas FROM path)::oid[]) AND p.pronamespace <> 'pg_catalog'::regnamespace
   AND p.proname = ANY ({unqualified}::text[]) AND l.lanname NOT IN ('c', 'internal')
   AND EXISTS (SELECT FROM pg_proc own WHERE own.pronamespace = 'pg_catalog'::regnamespace AND own.proname = p.proname)
   AND NOT pg_has_role(p.proowner, SESSION_USER, 'MEMBER')
