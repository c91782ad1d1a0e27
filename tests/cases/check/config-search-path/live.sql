-- No finding: unqualified names of the model go to the schema that search_path names first.
CREATE SCHEMA app;
CREATE TABLE app.users (id bigint PRIMARY KEY);
