-- Already so by hand: somebody made what the model says and no migration does (L = M, and K = N differs).
ALTER TABLE users ALTER COLUMN email TYPE varchar(255);
