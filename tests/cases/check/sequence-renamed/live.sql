-- One likely rename.
ALTER SEQUENCE invoice_numbers RENAME TO invoice_nums;
