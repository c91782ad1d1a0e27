-- No finding: every major prints expressions alike.
SELECT;
