-- The sequence is unlogged.
ALTER SEQUENCE invoice_numbers SET UNLOGGED;
