-- @source https://github.com/serverpod/serverpod/issues/2000
-- @before
CREATE TABLE social_post (id bigint PRIMARY KEY, text text NOT NULL);
-- @rows
INSERT INTO social_post VALUES (1, 'kept');
-- @after
CREATE TABLE social_post (id bigint PRIMARY KEY, text text NOT NULL, pinned boolean NOT NULL);
-- @asked backfill public.social_post.pinned = EXPRESSION
-- @decide backfill public.social_post.pinned = false
-- @lacks DROP TABLE
-- @kept kept = SELECT text FROM social_post
