-- The comment differs.
COMMENT ON DOMAIN code IS 'Printed on the box.';
