-- No finding: quotes around names that do not need them.
CREATE TABLE PUBLIC.USERS (ID BIGINT PRIMARY KEY, "user" TEXT, "Name" TEXT, CONSTRAINT "users_Name_check" CHECK ("Name" <> ''));
CREATE INDEX USERS_USER_IDX ON USERS USING BTREE ("user" ASC, "Name" NULLS LAST);
