CREATE TABLE users (id bigint PRIMARY KEY WITH (fillfactor = 70));
