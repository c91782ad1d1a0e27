CREATE SCHEMA app;
CREATE TYPE app.address AS (street text, zip text);
CREATE TYPE app.mood AS ENUM ('sad', 'glad');
CREATE TABLE app.users (
    id bigint PRIMARY KEY, parent_id bigint, email text, mood app.mood DEFAULT 'sad', home app.address, tags text[],
    doc jsonb, born date, seen timestamptz, paid numeric(10, 2)
);
CREATE TABLE app.orders (id bigint PRIMARY KEY, user_id bigint, total numeric(10, 2), at timestamptz, note text);
CREATE TABLE app."Odd ""Name" (id bigint, "select" text, "Mixed" text, "from" text);
CREATE TABLE app.app (id bigint, app text);
CREATE TABLE app.new (id bigint, old text);
CREATE TABLE app.old (id bigint, new text);
CREATE TABLE app.parts (id bigint, part_of bigint, name text);
CREATE FUNCTION app.users(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE FUNCTION app.label(app.users) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT $1.email || '!'$$;
CREATE FUNCTION app.pairs(integer, OUT a integer, OUT b text) RETURNS SETOF record LANGUAGE sql AS
    $$SELECT n, n::text FROM generate_series(1, $1) n$$;

-- One FROM item.
CREATE VIEW app.v_star AS SELECT * FROM app.users;
CREATE VIEW app.v_alias AS SELECT u.id, lower(u.email) AS mail, u.email IS DISTINCT FROM 'x' AS other FROM app.users u WHERE u.id > 0;
CREATE VIEW app.v_columns(one, two) AS SELECT id, email FROM app.users;
CREATE VIEW app.v_column_aliases AS SELECT a, b FROM app.orders AS o(a, b) WHERE a > 1;
CREATE VIEW app.v_group AS SELECT mood, count(*) AS n, sum(paid) FILTER (WHERE paid > 0) AS s FROM app.users
    GROUP BY mood HAVING count(*) > 1 ORDER BY mood DESC NULLS LAST, count(*) LIMIT 10 OFFSET 2;
CREATE VIEW app.v_group_expression AS SELECT date_trunc('day', seen) AS day, extract(year FROM born) AS year, count(DISTINCT id)
    FROM app.users GROUP BY date_trunc('day', seen), extract(year FROM born);
CREATE VIEW app.v_grouping_sets AS SELECT mood, born, grouping(mood, born), count(*) FROM app.users
    GROUP BY GROUPING SETS ((mood, born), ROLLUP (mood), CUBE (born), ());
CREATE VIEW app.v_order_by_alias AS SELECT u.id AS email, u.email AS id FROM app.users u ORDER BY u.id, u.email;
CREATE VIEW app.v_distinct AS SELECT DISTINCT ON (u.user_id) u.user_id, u.at FROM app.orders u ORDER BY u.user_id, u.at DESC;
CREATE VIEW app.v_window AS SELECT id, rank() OVER w AS rank, sum(total) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s,
    lag(total, 1, 0) OVER (PARTITION BY user_id ORDER BY at) AS before, last_value(total) OVER (ORDER BY id GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING EXCLUDE TIES) AS l
    FROM app.orders WINDOW w AS (PARTITION BY user_id ORDER BY at DESC NULLS LAST);
CREATE VIEW app.v_field AS SELECT (u.home).street, (u.home).zip AS code, (home).zip || 'x' AS z FROM app.users u;
CREATE VIEW app.v_whole_row AS SELECT u, u AS again, (u.*)::text AS t, u.id, row_to_json(u) AS j FROM app.users u;
CREATE VIEW app.v_function_of_row AS SELECT app.label(users) AS l, app.users(users.id) AS n FROM app.users;
CREATE VIEW app.v_casts AS SELECT '1'::numeric(5, 1) AS n, mood::text, 'glad'::app.mood AS g, tags[1] AS t, tags[1:2] AS s,
    doc ->> 'a' AS a, doc -> 'b' -> 0 AS b, ARRAY[id, 2] AS arr, ROW(id, email)::text AS r, (email COLLATE "C") AS c FROM app.users;
CREATE VIEW app.v_case AS SELECT CASE WHEN id > 1 THEN 'a' ELSE email END AS c, CASE mood WHEN 'sad' THEN 1 END AS d, coalesce(email, '') AS e,
    nullif(id, 0) AS n, greatest(id, 1) AS g, id BETWEEN 1 AND 2 AS b, email LIKE 'a%' AS l, email ILIKE 'a' AS i, email SIMILAR TO 'a' AS m,
    id IN (1, 2) AS o, id = ANY (ARRAY[1, 2]) AS p, NOT id > 1 AS q, email IS NULL AS r, (id > 1) IS NOT TRUE AS t, home IS NOT NULL AS u,
    seen AT TIME ZONE 'UTC' AS v, overlay(email PLACING 'x' FROM 1 FOR 2) AS w, position('a' IN email) AS x, substring(email FROM 1 FOR 2) AS y,
    trim(BOTH 'x' FROM email) AS z, current_date AS aa, current_user AS bb, localtimestamp AS cc, (born, born) OVERLAPS (born, born) AS dd
    FROM app.users;
CREATE VIEW app.v_sublinks AS SELECT u.id, (SELECT max(o.total) FROM app.orders o WHERE o.user_id = u.id) AS m,
    ARRAY(SELECT o.id FROM app.orders o WHERE o.user_id = u.id ORDER BY o.id) AS a,
    EXISTS (SELECT FROM app.orders u WHERE u.user_id > 1) AS e, u.id IN (SELECT user_id FROM app.orders) AS i,
    u.id > ALL (SELECT id FROM app.orders) AS l, (u.id, u.email) = (SELECT id, note FROM app.orders LIMIT 1) AS r
    FROM app.users u WHERE NOT EXISTS (WITH x AS (SELECT u.id AS n) SELECT FROM x WHERE x.n = u.id);
CREATE VIEW app.v_subselect AS SELECT s.n, s.m + 1 AS m FROM (SELECT count(*) AS n, max(id) AS m FROM app.users) s WHERE s.n > 1;
CREATE VIEW app.v_subselect_same_name AS SELECT users.id FROM (SELECT users.id FROM app.users WHERE users.id > 1) users;
CREATE VIEW app.v_values AS VALUES (1, 'a'), (2, 'b');
CREATE VIEW app.v_from_values AS SELECT v.a, v.b FROM (VALUES (1, 'a'), (2, 'b')) v(a, b) ORDER BY v.a;
CREATE VIEW app.v_function AS SELECT g.n, g.n * 2 AS d FROM generate_series(1, 3) g(n);
CREATE VIEW app.v_function_unnamed AS SELECT generate_series FROM generate_series(1, 3);
CREATE VIEW app.v_function_ordinality AS SELECT x.tag, x.n FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY x(tag, n);
CREATE VIEW app.v_function_rows_from AS SELECT f.a, f.b, f.c FROM ROWS FROM (app.pairs(3), generate_series(1, 2)) f(a, b, c);
CREATE VIEW app.v_function_definition AS SELECT r.a FROM json_to_record('{"a": 1}') AS r(a integer, b text);
CREATE VIEW app.v_srf AS SELECT id, unnest(tags) AS tag FROM app.users;
CREATE VIEW app.v_only AS SELECT parts.id FROM ONLY app.parts WHERE parts.id > 1;
CREATE VIEW app.v_sample AS SELECT parts.id FROM app.parts TABLESAMPLE bernoulli (10) REPEATABLE (1) WHERE parts.id > 1;
CREATE VIEW app.v_sample_alias AS SELECT p.id FROM app.parts p TABLESAMPLE system (50);
CREATE VIEW app.v_xml AS SELECT x.id, x.n FROM XMLTABLE('/r' PASSING ('<r/>'::xml) COLUMNS id integer PATH '@id', n FOR ORDINALITY) x;
CREATE VIEW app.v_for_update AS SELECT u.id FROM app.users u FOR UPDATE OF u SKIP LOCKED;
CREATE VIEW app.v_fetch AS SELECT id FROM app.users ORDER BY id FETCH FIRST 3 ROWS WITH TIES;
CREATE VIEW app.v_no_from AS SELECT 1 AS one, now() AS now;
CREATE VIEW app.v_nothing AS SELECT FROM app.users;

-- Names that mislead.
CREATE VIEW app.v_quoted AS SELECT "Odd ""Name".id, "select", "Mixed" AS "AS", "Odd ""Name"."from" FROM app."Odd ""Name";
CREATE VIEW app.v_quoted_alias AS SELECT "U.u"."select" AS "u.id", 'u.id' AS "FROM" FROM app."Odd ""Name" "U.u" WHERE "U.u"."from" = '"U.u".id';
CREATE VIEW app.v_schema_name AS SELECT app.id, app.app, app.users(app.id) AS n, 'sad'::app.mood AS m FROM app.app;
CREATE VIEW app.v_column_name AS SELECT mood.id, mood.mood FROM app.users mood WHERE mood.mood = 'glad';
CREATE VIEW app.v_new AS SELECT new.id, new.old FROM app.new;
CREATE VIEW app.v_old AS SELECT id AS old_1, old.new FROM app.old WHERE EXISTS (SELECT FROM app.new WHERE new.id = old.id);
CREATE VIEW app.v_new_alias AS SELECT new.id, old.id AS other FROM app.users old JOIN app.users new ON new.parent_id = old.id;
CREATE VIEW app.v_new_columns AS SELECT new.a FROM app.new AS new(a, b);
CREATE VIEW app.v_new_inside AS SELECT u.id FROM app.users u WHERE u.id IN (SELECT new.id FROM app.new WHERE new.old = u.email);

-- More than one FROM item.
CREATE VIEW app.v_join AS SELECT u.id, o.id AS order_id FROM app.users u JOIN app.orders o ON o.user_id = u.id;
CREATE VIEW app.v_join_using AS SELECT id, u.email, o.note FROM app.users u LEFT JOIN app.orders o USING (id) FULL JOIN app.parts p USING (id);
CREATE VIEW app.v_join_named AS SELECT j.id, j.a FROM (app.users u JOIN app.orders o USING (id)) j(id, a);
CREATE VIEW app.v_join_using_alias AS SELECT x.id, u.email FROM app.users u JOIN app.orders o USING (id) AS x;
CREATE VIEW app.v_join_natural AS SELECT * FROM app.parts NATURAL JOIN app.app;
CREATE VIEW app.v_comma AS SELECT u.id, o.total FROM app.users u, app.orders o WHERE u.id = o.user_id;
CREATE VIEW app.v_comma_function AS SELECT parts.id, n FROM app.parts, generate_series(1, parts.id) n;
CREATE VIEW app.v_lateral AS SELECT u.id, l.total FROM app.users u CROSS JOIN LATERAL (SELECT o.total FROM app.orders o WHERE o.user_id = u.id LIMIT 1) l;
CREATE VIEW app.v_lateral_values AS SELECT u.id, v.x FROM app.users u, LATERAL (VALUES (u.id), (u.parent_id)) v(x);
CREATE VIEW app.v_self AS SELECT a.id, b.id AS other FROM app.parts a JOIN app.parts b ON a.part_of = b.id;

-- Set operations and WITH.
CREATE VIEW app.v_union AS SELECT users.id FROM app.users UNION ALL SELECT o.id FROM app.orders o ORDER BY 1;
CREATE VIEW app.v_set AS (SELECT id FROM app.users EXCEPT SELECT id FROM app.orders) INTERSECT ALL SELECT id FROM app.parts LIMIT 3;
CREATE VIEW app.v_union_inside AS SELECT s.id FROM (SELECT id FROM app.users UNION SELECT id FROM app.orders) s WHERE s.id > 1;
CREATE VIEW app.v_with AS WITH big AS MATERIALIZED (SELECT o.user_id, o.total FROM app.orders o WHERE o.total > 100), few AS (SELECT user_id FROM big)
    SELECT few.user_id FROM few WHERE few.user_id IN (SELECT big.user_id FROM big);
CREATE RECURSIVE VIEW app.v_recursive(id, depth) AS SELECT p.id, 0 FROM app.parts p WHERE p.part_of IS NULL
    UNION ALL SELECT p.id, r.depth + 1 FROM app.parts p JOIN v_recursive r ON r.id = p.part_of;
CREATE VIEW app.v_search AS WITH RECURSIVE t(id, part_of) AS (SELECT p.id, p.part_of FROM app.parts p UNION ALL
    SELECT p.id, p.part_of FROM app.parts p JOIN t ON p.part_of = t.id) SEARCH DEPTH FIRST BY id SET path CYCLE id SET looped USING trail
    SELECT t.id, t.path::text AS path, t.looped FROM t;
CREATE VIEW app.v_with_and_join AS WITH w AS (SELECT users.id FROM app.users) SELECT w.id, o.total FROM w JOIN app.orders o ON o.user_id = w.id;

-- Views on views, options, materialized views.
CREATE VIEW app.v_on_view AS SELECT v_alias.id, v_alias.mail FROM app.v_alias WHERE v_alias.other;
CREATE VIEW app.v_on_two AS SELECT a.id, s.email FROM app.v_on_view a JOIN app.v_star s USING (id);
CREATE VIEW app.v_barrier WITH (security_barrier) AS SELECT users.id FROM app.users WHERE users.id > 1 WITH LOCAL CHECK OPTION;
CREATE MATERIALIZED VIEW app.m_plain AS SELECT u.id, u.email FROM app.users u WHERE u.email <> '' WITH NO DATA;
CREATE MATERIALIZED VIEW app.m_group AS SELECT orders.user_id, sum(orders.total) AS total FROM app.orders GROUP BY orders.user_id;
CREATE UNIQUE INDEX m_group_user ON app.m_group (user_id) WHERE total > 0;
