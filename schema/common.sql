-- Types and trigger functions that several tables share.

CREATE TYPE membership_role AS ENUM ('owner', 'admin', 'member');
COMMENT ON TYPE membership_role IS 'What a user may do in an organization, from most to least.';

CREATE DOMAIN email_address AS text
    CONSTRAINT email_address_shape CHECK (VALUE ~ '^[^@[:space:]]+@[^@[:space:]]+$');
COMMENT ON DOMAIN email_address IS 'Shape only; that the address is the user''s own is proved by a mail.';

CREATE FUNCTION touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION touch_updated_at() IS 'BEFORE UPDATE trigger of every table that has updated_at.';
