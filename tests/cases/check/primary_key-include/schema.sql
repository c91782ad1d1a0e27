CREATE TABLE users (id bigint, email text, PRIMARY KEY (id) INCLUDE (email));
