-- Two findings, two causes: the missing column is pending, the lost NOT NULL is drift.
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
