CREATE TABLE events (id bigint PRIMARY KEY);
CREATE RULE no_delete AS ON DELETE TO events DO INSTEAD NOTHING;
COMMENT ON RULE no_delete ON events IS 'Nothing is lost.';
