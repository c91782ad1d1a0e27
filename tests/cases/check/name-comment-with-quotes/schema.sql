CREATE TABLE users (id bigint PRIMARY KEY);
COMMENT ON TABLE users IS E'It''s a \\ "table"\nof two lines';
