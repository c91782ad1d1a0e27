-- The comment is missing.
COMMENT ON SEQUENCE invoice_numbers IS NULL;
