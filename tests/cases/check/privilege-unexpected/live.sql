-- The model declares privileges: one that it does not have is a finding.
GRANT SELECT ON teams TO PUBLIC;
