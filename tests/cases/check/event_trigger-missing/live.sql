-- The event trigger is missing.
DROP EVENT TRIGGER no_drop;
