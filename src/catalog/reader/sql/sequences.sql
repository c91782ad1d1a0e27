-- Parameters of sequences, and the columns that own them; 1259 is pg_class.
SELECT s.seqrelid, s.seqtypid, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache
     , s.seqcycle, d.refobjid, d.refobjsubid
  FROM pg_sequence s
  LEFT JOIN pg_depend d ON d.classid = '1259' AND d.objid = s.seqrelid AND d.objsubid = 0
        AND d.refclassid = '1259' AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
