-- @source https://github.com/fordfrog/apgdiff/issues/185
-- @before
CREATE TABLE t1 (id int PRIMARY KEY, col1 text);
-- @rows
INSERT INTO t1 VALUES (1, 'kept');
-- @after
CREATE TABLE t1 (id int PRIMARY KEY, new_col1 text);
-- @asked renamed column public.t1.col1 to public.t1.new_col1
-- @asked dropped column public.t1.col1
-- @decide renamed column public.t1.col1 to public.t1.new_col1
-- @lacks DROP COLUMN
-- @kept kept = SELECT new_col1 FROM t1
