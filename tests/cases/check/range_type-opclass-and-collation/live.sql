-- Operator class and collation differ: one finding.
CREATE TYPE words AS RANGE (subtype = text);
