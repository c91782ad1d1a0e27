CREATE COLLATION bytewise (provider = libc, locale = 'C');
COMMENT ON COLLATION bytewise IS 'For codes.';
