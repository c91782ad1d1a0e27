-- No finding: the owner's own privileges, written out by a GRANT, are those that it has anyway.
GRANT ALL ON users TO CURRENT_USER;
