-- Clean, but not complete: defaults of a view's columns are not compared, which coverage says.
ALTER VIEW people ALTER COLUMN active DROP DEFAULT;
