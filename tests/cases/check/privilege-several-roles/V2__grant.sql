GRANT INSERT ON users TO pg_read_all_data;
