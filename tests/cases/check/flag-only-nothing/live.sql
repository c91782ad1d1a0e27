-- Nothing has that name: nothing is not clean.
ALTER TABLE users ADD name text;
