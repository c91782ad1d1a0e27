-- The event trigger is disabled.
ALTER EVENT TRIGGER no_drop DISABLE;
