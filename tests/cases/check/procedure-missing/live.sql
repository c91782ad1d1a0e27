-- The procedure is missing.
DROP PROCEDURE purge;
