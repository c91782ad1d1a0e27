CREATE COLLATION tailored (provider = icu, locale = 'und', rules = '&a < g');
