-- No finding: a DO block made one of the tables.
INSERT INTO users VALUES (1);
