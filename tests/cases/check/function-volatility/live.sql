-- The volatility differs.
ALTER FUNCTION one() STABLE;
