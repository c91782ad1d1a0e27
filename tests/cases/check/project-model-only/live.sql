-- A project without migrations: the database differs from the model, and nothing tells since when.
ALTER TABLE users DROP COLUMN username;
