-- Listed in coverage.
CREATE PUBLICATION changes FOR TABLE users;
