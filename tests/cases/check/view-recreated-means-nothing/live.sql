-- No finding: the view was dropped and made again.
DROP VIEW people;
CREATE VIEW people AS SELECT id FROM users;
