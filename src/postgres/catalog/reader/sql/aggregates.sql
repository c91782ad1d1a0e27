-- The options of aggregates, in the order of CREATE AGGREGATE, spelled as pg_dump does.
SELECT a.aggfnoid::oid
     , concat_ws(', ', 'SFUNC = ' || a.aggtransfn::regproc::text, 'STYPE = ' || format_type(a.aggtranstype, NULL)
         , 'SSPACE = ' || nullif(a.aggtransspace, 0)::text
         , 'FINALFUNC = ' || nullif(a.aggfinalfn, 0)::regproc::text
         , CASE WHEN a.aggfinalextra THEN 'FINALFUNC_EXTRA' END
         , CASE WHEN a.aggfinalfn <> 0 AND a.aggfinalmodify <> CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END::"char"
                THEN 'FINALFUNC_MODIFY = ' || CASE a.aggfinalmodify WHEN 'r' THEN 'READ_ONLY'
                     WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END
         , 'COMBINEFUNC = ' || nullif(a.aggcombinefn, 0)::regproc::text
         , 'SERIALFUNC = ' || nullif(a.aggserialfn, 0)::regproc::text
         , 'DESERIALFUNC = ' || nullif(a.aggdeserialfn, 0)::regproc::text
         , 'INITCOND = ' || quote_literal(a.agginitval)
         , 'MSFUNC = ' || nullif(a.aggmtransfn, 0)::regproc::text
         , 'MINVFUNC = ' || nullif(a.aggminvtransfn, 0)::regproc::text
         , 'MSTYPE = ' || format_type(nullif(a.aggmtranstype, 0), NULL)
         , 'MSSPACE = ' || nullif(a.aggmtransspace, 0)::text
         , 'MFINALFUNC = ' || nullif(a.aggmfinalfn, 0)::regproc::text
         , CASE WHEN a.aggmfinalextra THEN 'MFINALFUNC_EXTRA' END
         , CASE WHEN a.aggmfinalfn <> 0 AND a.aggmfinalmodify <> CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END::"char"
                THEN 'MFINALFUNC_MODIFY = ' || CASE a.aggmfinalmodify WHEN 'r' THEN 'READ_ONLY'
                     WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END
         , 'MINITCOND = ' || quote_literal(a.aggminitval)
         , 'SORTOP = OPERATOR(' || nullif(a.aggsortop, 0)::regoper::text || ')'
         , CASE WHEN a.aggkind = 'h' THEN 'HYPOTHETICAL' END)
  FROM pg_aggregate a
 WHERE a.aggfnoid >= 16384::oid
