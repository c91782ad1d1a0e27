CREATE TABLE orders (id int PRIMARY KEY, state text NOT NULL DEFAULT 'new');
CREATE INDEX orders_status ON orders (state);
