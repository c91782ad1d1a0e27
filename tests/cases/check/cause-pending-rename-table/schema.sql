CREATE TABLE people (id bigint CONSTRAINT users_pkey PRIMARY KEY);
