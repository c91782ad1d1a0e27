CREATE TABLE files (id bigint PRIMARY KEY, body text COMPRESSION pglz);
