-- The role that the model grants to does not exist: its privilege is missing.
CREATE TABLE users (id bigint PRIMARY KEY);
