CREATE TABLE members (org bigint, usr bigint, PRIMARY KEY (org, usr));
