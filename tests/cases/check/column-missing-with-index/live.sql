-- One finding: its index, foreign key and check went with it and are told in it.
ALTER TABLE keys DROP COLUMN user_id;
