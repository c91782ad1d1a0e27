-- A field that the model does not have: it may hold data, and no SQL drops it.
ALTER TYPE address ADD ATTRIBUTE country text;
