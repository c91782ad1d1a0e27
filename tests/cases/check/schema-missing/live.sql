-- The schema is missing; its table is told in it.
DROP SCHEMA billing CASCADE;
