-- One finding, whatever hangs on the table.
DROP TABLE users;
