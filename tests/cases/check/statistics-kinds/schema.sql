CREATE TABLE users (zip text, city text);
CREATE STATISTICS users_places (dependencies, ndistinct, mcv) ON zip, city FROM users;
