-- The order of fields differs, and means something: a row literal names no fields.
CREATE TYPE pair AS (b integer, a integer);
