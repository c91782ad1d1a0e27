-- The function and the type are missing: made again, they are not open to everybody.
DROP FUNCTION secret();
DROP TYPE hidden;
