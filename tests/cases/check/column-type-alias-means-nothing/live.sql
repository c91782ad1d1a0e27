-- No finding: two spellings of each type.
CREATE TABLE t (
    a bigint, b character varying(10), c boolean, d numeric(8, 2), e timestamp with time zone,
    f double precision, g integer[], h character(2), i text[]
);
