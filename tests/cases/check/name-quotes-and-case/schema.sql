CREATE TABLE "User" (id bigint PRIMARY KEY, "say ""hi""" text, "select" text, "a.b" text);
