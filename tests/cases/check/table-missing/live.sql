-- One finding: columns, constraints, sequence and index of a missing table are its consequences.
DROP TABLE users;
