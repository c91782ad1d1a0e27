-- The partition itself is fine; that its column has another default than its parent's is a finding.
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
ALTER TABLE events_2025 ALTER COLUMN note SET DEFAULT 'late';
