-- Two findings; the foreign key between them is none.
DROP TABLE keys, users;
