-- One text search configuration is listed in coverage.
CREATE TEXT SEARCH CONFIGURATION english_plain (COPY = english);
