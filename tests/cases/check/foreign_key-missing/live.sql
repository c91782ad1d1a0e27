-- The foreign key is missing.
ALTER TABLE keys DROP CONSTRAINT keys_user_id_fkey;
