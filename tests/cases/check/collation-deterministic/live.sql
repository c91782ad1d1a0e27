-- The collation tells upper and lower case apart.
CREATE COLLATION ignore_case (provider = icu, locale = 'und-u-ks-level2');
