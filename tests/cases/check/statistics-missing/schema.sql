CREATE TABLE users (zip text, city text);
CREATE STATISTICS users_places (dependencies, ndistinct) ON zip, city FROM users;
