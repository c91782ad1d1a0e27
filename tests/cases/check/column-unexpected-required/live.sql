-- A required column without a default that nobody declared: the application's INSERT fails on it.
ALTER TABLE users ADD COLUMN tenant text NOT NULL;
