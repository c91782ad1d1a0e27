CREATE TABLE users (zip text, city text);
CREATE STATISTICS users_places ON zip, city FROM users;
COMMENT ON STATISTICS users_places IS 'A zip has one city.';
