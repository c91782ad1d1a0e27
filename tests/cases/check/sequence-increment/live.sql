-- The increment differs.
ALTER SEQUENCE invoice_numbers INCREMENT 1;
