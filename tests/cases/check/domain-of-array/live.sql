-- The domain over an array is missing: no other type is there.
DROP DOMAIN tags;
