-- Drift: the type is neither what V1 had made nor what V2 will make.
ALTER TABLE users ALTER COLUMN email TYPE text;
