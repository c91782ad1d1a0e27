-- The model has no default.
ALTER TABLE users ALTER COLUMN locale SET DEFAULT 'en';
