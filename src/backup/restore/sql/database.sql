-- One database as the server's catalogs have it; the seventh column tells whether this role may do what its owner may.
SELECT d.oid, o.rolname, d.datallowconn, d.datconnlimit, t.spcname, shobj_description(d.oid, 'pg_database'),
       pg_has_role(current_user, d.datdba, 'USAGE'),
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END,
       pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, d.datistemplate
  FROM pg_database d
  JOIN pg_roles o ON o.oid = d.datdba
  JOIN pg_tablespace t ON t.oid = d.dattablespace
 WHERE d.datname =
