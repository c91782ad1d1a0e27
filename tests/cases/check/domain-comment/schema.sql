CREATE DOMAIN code AS text;
COMMENT ON DOMAIN code IS 'What is printed on the box.';
