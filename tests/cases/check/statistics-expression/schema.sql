CREATE TABLE users (zip text, city text);
CREATE STATISTICS users_places ON lower(city), zip FROM users;
