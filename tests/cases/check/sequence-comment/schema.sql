CREATE SEQUENCE invoice_numbers;
COMMENT ON SEQUENCE invoice_numbers IS 'Gaps are allowed.';
