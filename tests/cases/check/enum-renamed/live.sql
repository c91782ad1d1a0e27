-- One likely rename, not one missing and one unexpected enum.
ALTER TYPE mood RENAME TO feeling;
