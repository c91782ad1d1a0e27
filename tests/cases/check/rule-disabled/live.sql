-- The rule is disabled.
ALTER TABLE events DISABLE RULE no_delete;
