CREATE EXTENSION no_such_extension;
CREATE TABLE places (id bigint PRIMARY KEY);
