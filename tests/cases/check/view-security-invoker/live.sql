-- The view reads with its owner's rights.
ALTER VIEW people RESET (security_invoker);
