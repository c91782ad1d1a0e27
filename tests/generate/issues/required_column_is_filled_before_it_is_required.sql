-- @source https://github.com/doctrine/migrations/issues/603
-- @before
CREATE TABLE curriculum (id int PRIMARY KEY, title text);
-- @rows
INSERT INTO curriculum VALUES (1, 'short'), (2, 'rather long');
-- @after
CREATE TABLE curriculum (id int PRIMARY KEY, title text, help boolean NOT NULL);
-- @asked backfill public.curriculum.help = EXPRESSION
-- @decide backfill public.curriculum.help = (length(title) > 5)
-- @contains ALTER TABLE public.curriculum ALTER COLUMN help SET NOT NULL;
-- @kept f t = SELECT string_agg(help::text::char, ' ' ORDER BY id) FROM curriculum
