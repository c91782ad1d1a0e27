-- The default partition takes only one region.
ALTER TABLE events DETACH PARTITION events_rest;
ALTER TABLE events ATTACH PARTITION events_rest FOR VALUES IN ('eu');
