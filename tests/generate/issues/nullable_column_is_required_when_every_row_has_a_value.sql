-- @source https://github.com/lbedner/aegis-stack/issues/1146
-- @before
CREATE TABLE account (id int PRIMARY KEY, email text);
-- @rows
INSERT INTO account VALUES (1, 'a@example.org'), (2, 'b@example.org');
-- @after
CREATE TABLE account (id int PRIMARY KEY, email text NOT NULL);
-- @kept 2 = SELECT count(*) FROM account
