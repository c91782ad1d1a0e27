-- The storage parameter of the constraint's index differs.
ALTER INDEX users_pkey RESET (fillfactor);
