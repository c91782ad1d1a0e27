CREATE COLLATION ignore_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
