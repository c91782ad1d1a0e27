-- The table is missing, and with it went a foreign key and a view of others.
DROP TABLE users CASCADE;
