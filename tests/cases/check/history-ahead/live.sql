-- Ahead: the database has V2 and V3, this directory does not.
INSERT INTO refinery_schema_history VALUES
    (2, 'username', '2025-03-01T10:00:00Z', '1234567890'), (3, 'teams', '2025-03-08T10:00:00Z', '9876543210');
ALTER TABLE users ADD COLUMN username text;
