-- One likely rename; the primary key kept its old name.
ALTER TABLE users RENAME TO people;
