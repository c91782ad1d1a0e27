-- The view's trigger is missing.
DROP TRIGGER t ON people;
