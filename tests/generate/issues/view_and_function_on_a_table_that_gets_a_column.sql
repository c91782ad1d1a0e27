-- @source https://github.com/pgplex/pgschema/issues/480
-- @before
CREATE TABLE tb_users (id int PRIMARY KEY, is_deleted boolean DEFAULT false NOT NULL, created_at timestamptz, email text NOT NULL);
CREATE VIEW vw_users AS SELECT id, email, created_at FROM tb_users WHERE is_deleted = false;
CREATE FUNCTION fn_create_user(email text) RETURNS vw_users LANGUAGE sql AS $$ SELECT * FROM vw_users $$;
-- @rows
INSERT INTO tb_users VALUES (1, false, now(), 'a@example.org');
-- @after
CREATE TABLE tb_users (id int PRIMARY KEY, is_deleted boolean DEFAULT false NOT NULL, created_at timestamptz, email text NOT NULL, role text DEFAULT 'member' NOT NULL);
CREATE VIEW vw_users AS SELECT id, email, role, created_at FROM tb_users WHERE is_deleted = false;
CREATE FUNCTION fn_create_user(email text, role text) RETURNS vw_users LANGUAGE sql AS $$ SELECT * FROM vw_users $$;
-- @kept member = SELECT role FROM vw_users
