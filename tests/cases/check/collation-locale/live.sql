-- The locale differs.
CREATE COLLATION bytewise (provider = libc, locale = 'POSIX');
