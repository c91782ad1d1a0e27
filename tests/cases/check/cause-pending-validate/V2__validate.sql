ALTER TABLE keys VALIDATE CONSTRAINT keys_user_id_fkey;
