-- One finding, three attributes, three causes: type pending, nullable drift, default unmigrated.
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
