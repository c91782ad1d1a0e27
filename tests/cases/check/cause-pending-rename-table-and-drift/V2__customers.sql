ALTER TABLE cust RENAME TO customers;
ALTER TABLE customers ADD x int;
