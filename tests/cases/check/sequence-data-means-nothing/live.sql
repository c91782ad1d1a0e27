-- No finding: how far a sequence has counted is data.
SELECT nextval('invoice_numbers');
INSERT INTO users (name) VALUES ('ada'), ('grace');
ALTER TABLE users ALTER COLUMN id RESTART WITH 500;
