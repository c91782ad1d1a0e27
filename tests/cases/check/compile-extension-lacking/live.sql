-- The scratch server lacks the extension: the ways out are named.
CREATE TABLE places (id bigint PRIMARY KEY);
