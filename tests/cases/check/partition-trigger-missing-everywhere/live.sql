-- One finding for the parent's trigger.
DROP TRIGGER note ON events;
