-- No finding: the same constraints, added in other ways and another order.
CREATE TABLE keys (n integer, code text, user_id bigint, id bigint);
CREATE TABLE users (id bigint);
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
ALTER TABLE keys ADD CONSTRAINT keys_n_check CHECK (n > 0) NOT VALID;
ALTER TABLE keys VALIDATE CONSTRAINT keys_n_check;
ALTER TABLE keys ADD CONSTRAINT keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
ALTER TABLE keys VALIDATE CONSTRAINT keys_user_id_fkey;
CREATE UNIQUE INDEX code_idx ON keys (code);
ALTER TABLE keys ADD CONSTRAINT keys_code_key UNIQUE USING INDEX code_idx;
ALTER TABLE keys ADD PRIMARY KEY (id);
