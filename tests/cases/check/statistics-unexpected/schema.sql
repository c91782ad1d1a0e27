CREATE TABLE users (zip text, city text);
