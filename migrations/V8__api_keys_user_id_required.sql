-- trueup: contract
-- trueup: requires-check api_keys_have_a_user
-- Code that makes keys without a user fails from here on. Keys that belong to nobody are repaired before.

ALTER TABLE api_keys ALTER COLUMN user_id SET NOT NULL;
