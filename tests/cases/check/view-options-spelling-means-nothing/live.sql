-- No finding: on and true are the same.
ALTER VIEW people SET (security_barrier = on);
