-- The enum is missing, and with it went a column and a function, which are told in it.
DROP TYPE mood CASCADE;
