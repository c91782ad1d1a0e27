-- Triggers. Of those that a partition has from its parent only those that do not fire when the parent's does; of those
-- that keep constraints (they name the constraint's index) only what is turned off: DISABLE TRIGGER ALL does that to a
-- foreign key, and leaves it convalidated. The first column is the constraint that is turned off by it, the last one the
-- kind of a constraint that is turned off on a partition alone, which has the name of its parent's. Before 15 what a
-- partition has from its parent counts as internal.
SELECT NULL::oid, t.oid, t.tgrelid, t.tgname, t.tgenabled
     , CASE WHEN t.tgparentid = '0' THEN pg_get_triggerdef(t.oid) END, p.tgrelid, NULL::"char"
  FROM pg_trigger t LEFT JOIN pg_trigger p ON p.oid = t.tgparentid
 WHERE t.tgconstrindid = '0' AND CASE WHEN t.tgparentid = '0' THEN NOT t.tgisinternal
                                      ELSE t.tgenabled <> p.tgenabled END
UNION ALL
SELECT DISTINCT CASE WHEN u.conrelid = o.conrelid OR u.oid IS NULL THEN coalesce(u.oid, o.oid) END
     , o.oid, o.conrelid, coalesce(u.conname, o.conname), 'D'::"char", NULL, u.conrelid, o.contype
  FROM pg_trigger t
  JOIN pg_constraint o ON o.oid = t.tgconstraint
  LEFT JOIN pg_constraint u ON u.oid = o.conparentid
 WHERE t.tgconstrindid <> '0' AND t.tgenabled IN ('D', 'R')
   AND (u.oid IS NULL OR u.conrelid = o.conrelid
        OR NOT EXISTS (SELECT FROM pg_trigger q WHERE q.tgconstraint = u.oid AND q.tgenabled IN ('D', 'R')))
