-- Operator classes: which of them an index need not name.
SELECT oid, opcname, opcnamespace, opcmethod, opcdefault, opcintype FROM pg_opclass
