-- The foreign key is checked at once.
ALTER TABLE keys ALTER CONSTRAINT keys_user_id_fkey NOT DEFERRABLE;
