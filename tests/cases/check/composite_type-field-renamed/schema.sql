CREATE TYPE address AS (street text, city text, zip text);
CREATE TABLE customers (id int PRIMARY KEY, addr address);
