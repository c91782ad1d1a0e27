-- Access methods that initdb did not make.
SELECT oid, amname FROM pg_am WHERE oid >= '16384'
