-- A rule that nobody declared; the one that makes the view is none.
CREATE RULE no_delete AS ON DELETE TO ids DO INSTEAD NOTHING;
