CREATE TABLE customers (id int, nm text NOT NULL, email varchar(50), x int, note text, CONSTRAINT cust_pkey PRIMARY KEY (id));
CREATE INDEX cust_nm ON customers (nm);
