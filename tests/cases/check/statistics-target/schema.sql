CREATE TABLE users (zip text, city text);
CREATE STATISTICS users_places ON zip, city FROM users;
ALTER STATISTICS users_places SET STATISTICS 500;
