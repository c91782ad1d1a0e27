CREATE TABLE "users" ("id" bigint PRIMARY KEY, "user" text, "Name" text CHECK ("Name" <> ''));
CREATE INDEX "users_user_idx" ON "users" ("user", "Name");
