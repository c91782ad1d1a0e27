-- The parameters of an identity column's sequence differ.
ALTER TABLE users ALTER COLUMN id SET INCREMENT BY 1;
