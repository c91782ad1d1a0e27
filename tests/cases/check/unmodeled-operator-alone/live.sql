-- One operator, of the server's own function, is listed in coverage.
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq);
