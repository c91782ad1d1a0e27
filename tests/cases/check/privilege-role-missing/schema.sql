CREATE TABLE users (id bigint PRIMARY KEY);
GRANT SELECT ON users TO case_privilege_role_missing;
