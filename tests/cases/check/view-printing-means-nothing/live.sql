-- No finding: majors print views differently.
SELECT;
