-- Refused: the database is marked as another environment's.
INSERT INTO trueup.mark (layout, project, environment, run) VALUES (1, 'platform', 'production', '01JRUN');
