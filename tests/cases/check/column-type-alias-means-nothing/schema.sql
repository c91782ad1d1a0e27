CREATE TABLE t (a int8, b varchar(10), c bool, d decimal(8,2), e timestamptz, f float8, g int4[], h char(2), i text ARRAY[3]);
