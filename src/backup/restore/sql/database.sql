-- One database as the server's catalogs have it. `ours` says whether this role may do what the owner may. `tablespace` is NULL
-- where it is the template's, which a new database gets: to name it takes a right to create in it.
SELECT d.oid, o.rolname AS owner, d.datallowconn AS allows, d.datconnlimit AS connection_limit,
       CASE WHEN d.dattablespace <> template.dattablespace THEN t.spcname END AS tablespace,
       shobj_description(d.oid, 'pg_database') AS comment, pg_has_role(current_user, d.datdba, 'USAGE') AS ours,
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END AS bytes,
       pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype, d.datistemplate AS template
  FROM pg_database d
  JOIN pg_roles o ON o.oid = d.datdba
  JOIN pg_tablespace t ON t.oid = d.dattablespace
  JOIN pg_database template ON template.datname = 'template0'
 WHERE d.datname =
