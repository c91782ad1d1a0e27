-- V2 renames the table; what was changed in it by hand is told beside that, and mended under the old name.
DROP INDEX cust_nm;
ALTER TABLE cust ALTER nm DROP NOT NULL;
ALTER TABLE cust ALTER email TYPE text;
ALTER TABLE cust ADD hand int NOT NULL;
