CREATE EXTENSION no_such_extension;
CREATE TABLE places (id bigint PRIMARY KEY, at geometry(Point, 4326), name text);
CREATE INDEX places_name_idx ON places (name);
