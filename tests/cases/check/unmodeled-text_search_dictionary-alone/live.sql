-- One text search dictionary is listed in coverage.
CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = simple);
