-- The table is an ordinary one.
CREATE TABLE events (id bigint, region text);
