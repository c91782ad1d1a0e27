-- The tailoring rules differ.
CREATE COLLATION tailored (provider = icu, locale = 'und');
