CREATE TABLE users (id bigint PRIMARY KEY);
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq);
