CREATE TABLE a (v int, b int);
