CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL DEFAULT 'new');
CREATE INDEX orders_status ON orders (status);
