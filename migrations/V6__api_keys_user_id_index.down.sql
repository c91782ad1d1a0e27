DROP INDEX api_keys_user_id_idx;
