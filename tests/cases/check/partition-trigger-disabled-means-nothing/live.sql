-- No finding: disabled in one partition, as the model says.
INSERT INTO events VALUES (1, 'eu');
