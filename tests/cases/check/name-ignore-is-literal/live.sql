-- A pattern needs no quotes, and an underscore is itself: two tables are ignored, two are told.
CREATE TABLE "Orders" (id bigint);
CREATE TABLE orders (id bigint);
CREATE TABLE a_b (id bigint);
CREATE TABLE axb (id bigint);
