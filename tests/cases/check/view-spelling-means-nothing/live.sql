-- No finding: two spellings of each view, one FROM item and several, with a sub-select.
CREATE TABLE users (id bigint PRIMARY KEY, email text, org bigint, deleted_at timestamptz);
CREATE TABLE orgs (id bigint PRIMARY KEY, name text);
CREATE VIEW people AS
    SELECT u.id, u.email, o.name
    FROM public.users AS u
    INNER JOIN public.orgs AS o ON (o.id = u.org)
    WHERE (u.deleted_at IS NULL);
CREATE VIEW mails AS SELECT users.id, users.email FROM users WHERE users.email = ANY (ARRAY['a', 'b']) ORDER BY users.id DESC;
CREATE VIEW counts AS
    SELECT users.org, count(*) AS n, (SELECT orgs.name FROM orgs WHERE orgs.id = users.org) AS name
    FROM users GROUP BY users.org;
