-- A sequence that nobody declared.
CREATE SEQUENCE invoice_numbers;
