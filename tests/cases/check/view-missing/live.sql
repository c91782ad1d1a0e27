-- The view is missing.
DROP VIEW active_users;
