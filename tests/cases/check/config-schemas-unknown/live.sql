-- The schema and the pattern are misspelled: both are said.
ALTER TABLE users ADD name text;
