-- lc_collate and lc_ctype are two things.
CREATE COLLATION mixed (provider = libc, locale = 'C');
