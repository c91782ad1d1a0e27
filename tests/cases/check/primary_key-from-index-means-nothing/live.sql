-- No finding: made from an index that was there before.
CREATE TABLE users (id bigint NOT NULL);
CREATE UNIQUE INDEX users_id_idx ON users (id);
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY USING INDEX users_id_idx;
