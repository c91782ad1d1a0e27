-- The schema's comment differs.
COMMENT ON SCHEMA billing IS 'Invoices.';
