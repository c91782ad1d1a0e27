-- The comment differs.
COMMENT ON CONSTRAINT users_email_key ON users IS 'One per address.';
