CREATE FUNCTION greet(who text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    -- The polite one.
    RETURN 'Good morning, ' || who;
END
$$;
