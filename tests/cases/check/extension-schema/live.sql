-- The extension was moved to another schema.
ALTER EXTENSION hstore SET SCHEMA public;
