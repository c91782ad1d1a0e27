CREATE TABLE users (id bigint PRIMARY KEY, email text, org bigint, deleted_at timestamptz);
CREATE TABLE orgs (id bigint PRIMARY KEY, name text);
CREATE VIEW people AS SELECT u.id, u.email, o.name FROM users u JOIN orgs o ON o.id = u.org WHERE u.deleted_at IS NULL;
CREATE VIEW mails AS SELECT id, email FROM users WHERE email IN ('a', 'b') ORDER BY id DESC;
CREATE VIEW counts AS SELECT org, count(*) AS n, (SELECT name FROM orgs WHERE orgs.id = users.org) AS name FROM users GROUP BY org;
