-- Refused: the database is marked as another project's.
INSERT INTO trueup.mark (layout, project, environment, run) VALUES (1, 'shop', 'staging', '01JRUN');
