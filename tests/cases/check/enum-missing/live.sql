-- The enum is missing.
DROP TYPE mood;
