-- No finding: what is the default anyway was written out.
CREATE TABLE users (id bigint PRIMARY KEY, email text, deleted_at timestamptz);
CREATE INDEX users_email_idx ON public.users USING btree (email text_ops ASC NULLS LAST, (lower((email))) COLLATE "default") WHERE ((deleted_at IS NULL));
CREATE INDEX users_deleted_at_idx ON users (deleted_at DESC NULLS FIRST);
