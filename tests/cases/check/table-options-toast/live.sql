-- The storage parameter of the TOAST table is missing.
ALTER TABLE events RESET (toast.autovacuum_enabled);
