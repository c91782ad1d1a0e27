-- The unique index users_email_key keeps this; where it was dropped, or never became valid, the rows are found here.
-- title: No two users have an address that differs by case alone
-- severity: error
-- table: public.users
-- key: id
-- show: email
-- find:
SELECT u.id, u.email
  FROM users u
 WHERE EXISTS (SELECT FROM users o WHERE lower(o.email) = lower(u.email) AND o.id <> u.id);
