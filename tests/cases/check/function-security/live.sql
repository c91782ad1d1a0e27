-- The function runs with its owner's rights.
ALTER FUNCTION one() SECURITY DEFINER;
