-- The sequence is missing.
DROP SEQUENCE invoice_numbers;
