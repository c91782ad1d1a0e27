ALTER TABLE users
    ADD COLUM username text;
