-- The trigger is missing.
DROP TRIGGER users_touch ON users;
