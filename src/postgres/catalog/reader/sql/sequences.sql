-- Parameters of sequences, and the columns that own them: table and number. A subquery is planned faster than a join.
SELECT s.seqrelid, s.seqtypid, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache
     , s.seqcycle
     , (SELECT concat(d.refobjid, ' ', d.refobjsubid) FROM pg_depend d  -- 1259 is pg_class
         WHERE d.classid = '1259' AND d.objid = s.seqrelid AND d.objsubid = 0
           AND d.refclassid = '1259' AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') LIMIT 1)
  FROM pg_sequence s
