-- The privilege on the type is missing.
REVOKE USAGE ON TYPE mood FROM pg_monitor;
