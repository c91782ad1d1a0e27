-- The expression differs.
DROP STATISTICS users_places;
CREATE STATISTICS users_places ON upper(city), zip FROM users;
