-- Languages of routines.
SELECT oid, lanname FROM pg_language
