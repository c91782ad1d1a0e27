-- Operator, operator family, operator class and cast are listed in coverage.
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq);
CREATE OPERATOR FAMILY mine USING btree;
CREATE OPERATOR CLASS mine_ops FOR TYPE integer USING btree FAMILY mine AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
CREATE CAST (point AS text) WITH INOUT;
