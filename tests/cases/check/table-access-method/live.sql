-- The table is of another access method; that this method exists is said in coverage.
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE events (id bigint PRIMARY KEY) USING heap2;
