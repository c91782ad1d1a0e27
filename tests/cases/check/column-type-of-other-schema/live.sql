-- A type of the same name in another schema is another type.
ALTER TABLE t DROP COLUMN m;
ALTER TABLE t ADD COLUMN m b.mood;
