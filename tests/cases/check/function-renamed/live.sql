-- One likely rename.
ALTER FUNCTION full_name(integer) RENAME TO fullname;
