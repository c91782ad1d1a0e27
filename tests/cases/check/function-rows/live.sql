-- The estimate of rows differs.
ALTER FUNCTION few() ROWS 1000;
