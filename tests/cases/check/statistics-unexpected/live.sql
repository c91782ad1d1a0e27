-- A statistics object that nobody declared.
CREATE STATISTICS users_places ON zip, city FROM users;
