-- One of two settings is missing.
ALTER FUNCTION one() RESET work_mem;
