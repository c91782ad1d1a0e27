-- The rule is missing.
DROP RULE no_delete ON events;
