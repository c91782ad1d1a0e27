-- The environment mark: one row.
SELECT layout, project, environment, id FROM ONLY trueup.mark LIMIT 1
