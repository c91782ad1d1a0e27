-- No finding: rows and statistics are not the model's.
INSERT INTO users SELECT generate_series(1, 1000);
ANALYZE users;
