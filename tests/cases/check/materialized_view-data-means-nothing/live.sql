-- No finding: whether it was refreshed is data.
REFRESH MATERIALIZED VIEW ids;
