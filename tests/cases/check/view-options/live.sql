-- The view is no barrier.
ALTER VIEW people RESET (security_barrier);
