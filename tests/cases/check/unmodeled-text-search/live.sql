-- Text search dictionary and configuration are listed in coverage.
CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION english_plain (COPY = english);
