-- One finding: drift, likely a rename by hand.
ALTER TABLE users RENAME COLUMN username TO user_name;
