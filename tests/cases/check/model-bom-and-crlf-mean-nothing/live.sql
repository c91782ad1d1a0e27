-- No finding: byte order mark and CRLF in the file of the model.
CREATE TABLE users (id bigint PRIMARY KEY);
