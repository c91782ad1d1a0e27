CREATE TABLE cust (id int PRIMARY KEY, nm text NOT NULL, email varchar(50));
CREATE INDEX cust_nm ON cust (nm);
