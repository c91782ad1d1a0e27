-- The declared version is another one.
ALTER EXTENSION hstore UPDATE TO '1.8';
