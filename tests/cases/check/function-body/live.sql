-- The body differs: shown as a diff.
CREATE OR REPLACE FUNCTION greet(who text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    -- The polite one.
    RETURN 'Hi, ' || who;
END
$$;
