-- Of the functions that a check's queries call, or that what they name calls (named.sql): those that could act outside of the
-- transaction, in which nothing can be undone by a rollback. Such a function is written in C and is volatile; which of those
-- only look, or only change the transaction itself, is listed here. Some functions in C run the SQL that they are given as a
-- text, which nobody has looked at, and call themselves stable.
SELECT DISTINCT 'call' AS kind, CASE n.nspname WHEN 'pg_catalog' THEN '' ELSE quote_ident(n.nspname) || '.' END
       || quote_ident(p.proname) AS name, p.proname::text AS detail, NULL
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_language l ON l.oid = p.prolang
 WHERE p.oid IN (
       SELECT called.oid FROM pg_proc called WHERE called.proname = ANY ({called}::text[])
       UNION
       SELECT next.oid
         FROM named JOIN pg_proc next ON next.oid = named.oid
        WHERE named.class = 'pg_proc'::regclass AND next.proname <> ALL ({words}::text[])
       UNION
       -- What the server came with is in no pg_depend: it is found in the parsed query itself.
       SELECT function[1]::oid
         FROM (SELECT r.ev_action::text
                 FROM named
                 JOIN pg_class c ON c.oid = named.oid AND named.class = 'pg_class'::regclass AND c.relkind = 'v'
                 JOIN pg_rewrite r ON r.ev_class = c.oid AND r.ev_type = '1'
                UNION ALL
               SELECT body.prosqlbody::text
                 FROM named JOIN pg_proc body ON body.oid = named.oid
                WHERE named.class = 'pg_proc'::regclass) AS parsed (tree)
        CROSS JOIN LATERAL regexp_matches(parsed.tree, ':(?:op)?funcid (\d+)', 'g') AS f (function))
   AND l.lanname IN ('internal', 'c')
   AND (p.proname IN ('crosstab', 'crosstab2', 'crosstab3', 'crosstab4', 'connectby', 'xpath_table')
        OR p.provolatile = 'v' AND p.proname NOT IN (
    -- Chance, time, and what the session has done so far.
    'random', 'random_normal', 'setseed', 'gen_random_uuid', 'uuidv4', 'uuidv7', 'clock_timestamp', 'timeofday', 'pg_sleep',
    'currval', 'lastval', 'current_query', 'set_config',
    -- Samples of a table.
    'system', 'bernoulli', 'system_rows', 'system_time',
    -- Sizes.
    'pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size', 'pg_database_size', 'pg_tablespace_size',
    -- The state of the database and of the server.
    'pg_sequence_last_value', 'pg_get_sequence_data', 'pg_partition_tree', 'pg_partition_ancestors', 'amvalidate',
    'pg_collation_actual_version', 'pg_database_collation_actual_version', 'pg_is_in_recovery', 'pg_is_wal_replay_paused',
    'pg_get_wal_replay_pause_state', 'pg_current_wal_lsn', 'pg_current_wal_insert_lsn', 'pg_current_wal_flush_lsn',
    'pg_last_wal_receive_lsn', 'pg_last_wal_replay_lsn', 'pg_last_xact_replay_timestamp', 'pg_last_committed_xact',
    'pg_xact_commit_timestamp', 'pg_xact_commit_timestamp_origin', 'pg_xact_status', 'txid_status',
    'pg_get_multixact_members', 'pg_control_checkpoint', 'pg_control_init', 'pg_control_recovery', 'pg_control_system',
    'pg_jit_available', 'pg_notification_queue_usage', 'pg_show_replication_origin_status', 'pg_replication_origin_progress',
    -- Who is at work, and who waits for whom.
    'pg_blocking_pids', 'pg_safe_snapshot_blocking_pids', 'pg_lock_status', 'pg_prepared_xact', 'pg_stat_have_stats',
    'pg_stat_get_xact_numscans', 'pg_stat_get_xact_tuples_returned', 'pg_stat_get_xact_tuples_fetched',
    'pg_stat_get_xact_tuples_inserted', 'pg_stat_get_xact_tuples_updated', 'pg_stat_get_xact_tuples_deleted',
    'pg_stat_get_xact_tuples_hot_updated', 'pg_stat_get_xact_tuples_newpage_updated', 'pg_stat_get_xact_blocks_fetched',
    'pg_stat_get_xact_blocks_hit', 'pg_stat_get_xact_function_calls', 'pg_stat_get_xact_function_total_time',
    'pg_stat_get_xact_function_self_time',
    -- What a large object holds.
    'lo_get',
    -- Extensions of PostgreSQL: chance and ciphers (uuid-ossp, pgcrypto).
    'uuid_generate_v1', 'uuid_generate_v1mc', 'uuid_generate_v4', 'gen_random_bytes', 'gen_salt',
    'pgp_sym_encrypt', 'pgp_sym_encrypt_bytea', 'pgp_pub_encrypt', 'pgp_pub_encrypt_bytea',
    -- What pages hold, and whether that is right (pgstattuple, pg_visibility, pg_freespacemap, pgrowlocks, amcheck).
    'pgstattuple', 'pgstattuple_approx', 'pgstatindex', 'pgstatginindex', 'pgstathashindex', 'pg_relpages', 'pg_visibility',
    'pg_visibility_map', 'pg_visibility_map_summary', 'pg_check_frozen', 'pg_check_visible', 'pg_freespace', 'pgrowlocks',
    'bt_index_check', 'gin_index_check', 'verify_heapam',
    -- The same, byte by byte (pageinspect).
    'get_raw_page', 'page_header', 'page_checksum', 'fsm_page_contents', 'heap_page_items', 'heap_page_item_attrs',
    'heap_tuple_infomask_flags', 'tuple_data_split', 'bt_metap', 'bt_page_stats', 'bt_multi_page_stats', 'bt_page_items',
    'brin_page_type', 'brin_metapage_info', 'brin_revmap_data', 'brin_page_items', 'gin_metapage_info', 'gin_page_opaque_info',
    'gin_leafpage_items', 'gist_page_opaque_info', 'gist_page_items', 'gist_page_items_bytea', 'hash_page_type',
    'hash_page_stats', 'hash_page_items', 'hash_bitmap_info', 'hash_metapage_info',
    -- What the server has done (pg_stat_statements, pg_buffercache, pg_walinspect, postgres_fdw).
    'pg_stat_statements', 'pg_stat_statements_info', 'pg_buffercache_pages', 'pg_buffercache_summary',
    'pg_buffercache_usage_counts', 'pg_get_wal_record_info', 'pg_get_wal_records_info', 'pg_get_wal_block_info',
    'pg_get_wal_stats', 'postgres_fdw_get_connections'))
