-- The child was taken out of the hierarchy.
ALTER TABLE logins NO INHERIT events;
