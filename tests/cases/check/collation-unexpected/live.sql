-- A collation that nobody declared.
CREATE COLLATION bytewise (provider = libc, locale = 'C');
