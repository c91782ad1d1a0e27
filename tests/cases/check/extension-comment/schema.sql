CREATE EXTENSION hstore;
COMMENT ON EXTENSION hstore IS 'For the attributes of pages.';
