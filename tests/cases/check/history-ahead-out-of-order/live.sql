-- The rows stand in another order than the versions: the current version is the highest one all the same.
INSERT INTO refinery_schema_history VALUES
    (3, 'teams', '2025-03-08T10:00:00Z', '9876543210'), (2, 'username', '2025-03-01T10:00:00Z', '1234567890');
UPDATE refinery_schema_history SET name = name WHERE version = 1;
ALTER TABLE users ADD COLUMN username text;
