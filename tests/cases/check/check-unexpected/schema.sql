CREATE TABLE keys (id bigint PRIMARY KEY, prefix text);
