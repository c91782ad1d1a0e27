-- trueup: contract
ALTER TABLE users DROP COLUMN legacy;
DROP TABLE legacy;
