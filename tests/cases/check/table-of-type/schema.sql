CREATE TYPE point2 AS (x integer, y integer);
CREATE TABLE points OF point2;
