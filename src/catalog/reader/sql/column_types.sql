-- How types print, and what of a column is not its type's own. A bare "character" is another type than one of
-- no modifier: the modifier is never left out.
SELECT c.number, format_type(t.oid, c.modifier)
     , CASE WHEN c.placed <> t.typcollation THEN c.placed::regcollation END
     , CASE WHEN c.storage <> t.typstorage THEN c.storage END
  FROM unnest('{@types}'::oid[], '{@modifiers}'::int4[], '{@collations}'::oid[], '{@storages}'::"char"[])
       WITH ORDINALITY AS c (type, modifier, placed, storage, number)
  JOIN pg_type t ON t.oid = c.type
