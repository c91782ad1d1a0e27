CREATE TABLE users (org bigint, id bigint, PRIMARY KEY (org, id));
CREATE TABLE keys (id bigint PRIMARY KEY, org bigint, usr bigint, CONSTRAINT keys_usr_fkey FOREIGN KEY (org, usr) REFERENCES users MATCH FULL);
