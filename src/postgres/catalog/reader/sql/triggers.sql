-- Triggers. Of those that a partition has from its parent only those that do not fire when the parent's does; of those
-- that keep constraints (they name the constraint's index) only what is turned off: DISABLE TRIGGER ALL does that to a
-- foreign key, and leaves it convalidated. The last column is of a constraint that a partition has from its parent: the
-- parent's constraint, its table, the partition, the kind, and the name. Before 15 what a partition has from its parent
-- counts as internal. A subquery is planned faster than a join.
SELECT CASE WHEN t.tgconstrindid <> '0' THEN t.tgconstraint END, t.oid, t.tgrelid, t.tgname, t.tgenabled
     , CASE WHEN t.tgconstrindid = '0' AND t.tgparentid = '0'
                 AND t.tgqual IS NULL  --? without_locks
            THEN pg_get_triggerdef(t.oid) END
     , p.tgrelid
     , CASE WHEN t.tgconstrindid <> '0' THEN (
           SELECT concat_ws(' ', u.oid, u.conrelid, o.conrelid, o.contype, u.conname)
             FROM pg_constraint o JOIN pg_constraint u ON u.oid = o.conparentid
            WHERE o.oid = t.tgconstraint) END
  FROM pg_trigger t LEFT JOIN pg_trigger p ON p.oid = t.tgparentid
 WHERE t.tgconstrindid <> '0' AND t.tgenabled IN ('D', 'R')
    OR t.tgconstrindid = '0' AND CASE WHEN t.tgparentid = '0' THEN NOT t.tgisinternal
                                      ELSE t.tgenabled <> p.tgenabled END
