-- The kinds of statistics differ.
DROP STATISTICS users_places;
CREATE STATISTICS users_places (dependencies) ON zip, city FROM users;
