-- @source https://github.com/ariga/atlas/issues/2211
-- @before
CREATE TABLE buyers (id int PRIMARY KEY, headers text);
-- @rows
INSERT INTO buyers VALUES (1, 'kept');
-- @after
CREATE TABLE buyers (id int PRIMARY KEY, pet_name text, headersnew text);
-- @asked renamed column public.buyers.headers to public.buyers.headersnew
-- @asked dropped column public.buyers.headers
-- @decide renamed column public.buyers.headers to public.buyers.headersnew
-- @lacks DROP COLUMN
-- @kept kept = SELECT headersnew FROM buyers
