-- The trigger is disabled: left behind by a repair by hand.
ALTER TABLE users DISABLE TRIGGER t;
