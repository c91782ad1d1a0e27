-- The environment mark: one row.
SELECT layout::text, project, environment, id::text FROM ONLY trueup.mark LIMIT 1
