-- A view that nobody declared.
CREATE VIEW everybody AS SELECT id FROM users;
