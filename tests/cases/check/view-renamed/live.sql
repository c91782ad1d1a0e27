-- One likely rename.
ALTER VIEW people RENAME TO persons;
