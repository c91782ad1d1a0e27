-- A domain over an array that the model does not have.
CREATE DOMAIN tags AS text[];
