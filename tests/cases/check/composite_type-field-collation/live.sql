-- The field's collation differs.
CREATE TYPE address AS (street text);
