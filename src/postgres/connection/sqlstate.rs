//! The SQLSTATEs that trueup tells apart, by their names in the manual, appendix "PostgreSQL Error Codes".

/// Class 08: the connection failed. A proxy between trueup and the server reports these, too.
pub const CONNECTION_EXCEPTION_CLASS: &str = "08";
/// Class 22: a value cannot be what it is to be.
pub const DATA_EXCEPTION_CLASS: &str = "22";
/// Class 23: a row breaks a constraint.
pub const INTEGRITY_CLASS: &str = "23";
/// Class 53: the server lacks memory, space or connections.
pub const RESOURCES_CLASS: &str = "53";
/// Class 54: the statement is larger or deeper than the server allows.
pub const LIMIT_CLASS: &str = "54";
/// Class 58: the system around the server failed.
pub const SYSTEM_CLASS: &str = "58";
/// Class XX: the server itself failed.
pub const INTERNAL_CLASS: &str = "XX";
/// Class 42: the statement is wrong, or this role may not run it.
pub const SYNTAX_OR_ACCESS_CLASS: &str = "42";

/// `connection_exception`
pub const CONNECTION_EXCEPTION: &str = "08000";
/// `connection_does_not_exist`
pub const CONNECTION_DOES_NOT_EXIST: &str = "08003";
/// `connection_failure`
pub const CONNECTION_FAILURE: &str = "08006";
/// `protocol_violation`
pub const PROTOCOL_VIOLATION: &str = "08P01";
/// `feature_not_supported`
pub const FEATURE_NOT_SUPPORTED: &str = "0A000";
/// `invalid_datetime_format`
pub const INVALID_DATETIME_FORMAT: &str = "22007";
/// `invalid_parameter_value`
pub const INVALID_PARAMETER_VALUE: &str = "22023";
/// `invalid_text_representation`
pub const INVALID_TEXT_REPRESENTATION: &str = "22P02";
/// `not_null_violation`
pub const NOT_NULL_VIOLATION: &str = "23502";
/// `foreign_key_violation`
pub const FOREIGN_KEY_VIOLATION: &str = "23503";
/// `unique_violation`
pub const UNIQUE_VIOLATION: &str = "23505";
/// `check_violation`
pub const CHECK_VIOLATION: &str = "23514";
/// `exclusion_violation`
pub const EXCLUSION_VIOLATION: &str = "23P01";
/// `active_sql_transaction`
pub const ACTIVE_SQL_TRANSACTION: &str = "25001";
/// `read_only_sql_transaction`
pub const READ_ONLY_SQL_TRANSACTION: &str = "25006";
/// `no_active_sql_transaction`
pub const NO_ACTIVE_SQL_TRANSACTION: &str = "25P01";
/// `idle_in_transaction_session_timeout`
pub const IDLE_IN_TRANSACTION_SESSION_TIMEOUT: &str = "25P03";
/// `invalid_sql_statement_name`
pub const INVALID_SQL_STATEMENT_NAME: &str = "26000";
/// `invalid_authorization_specification`
pub const INVALID_AUTHORIZATION_SPECIFICATION: &str = "28000";
/// `invalid_password`
pub const INVALID_PASSWORD: &str = "28P01";
/// `invalid_transaction_termination`
pub const INVALID_TRANSACTION_TERMINATION: &str = "2D000";
/// `invalid_catalog_name`
pub const INVALID_CATALOG_NAME: &str = "3D000";
/// `invalid_schema_name`
pub const INVALID_SCHEMA_NAME: &str = "3F000";
/// `serialization_failure`
pub const SERIALIZATION_FAILURE: &str = "40001";
/// `deadlock_detected`
pub const DEADLOCK_DETECTED: &str = "40P01";
/// `insufficient_privilege`
pub const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// `syntax_error`
pub const SYNTAX_ERROR: &str = "42601";
/// `undefined_column`
pub const UNDEFINED_COLUMN: &str = "42703";
/// `undefined_object`
pub const UNDEFINED_OBJECT: &str = "42704";
/// `datatype_mismatch`
pub const DATATYPE_MISMATCH: &str = "42804";
/// `wrong_object_type`
pub const WRONG_OBJECT_TYPE: &str = "42809";
/// `cannot_coerce`
pub const CANNOT_COERCE: &str = "42846";
/// `undefined_function`
pub const UNDEFINED_FUNCTION: &str = "42883";
/// `undefined_table`
pub const UNDEFINED_TABLE: &str = "42P01";
/// `duplicate_schema`
pub const DUPLICATE_SCHEMA: &str = "42P06";
/// `disk_full`
pub const DISK_FULL: &str = "53100";
/// `out_of_memory`
pub const OUT_OF_MEMORY: &str = "53200";
/// `too_many_connections`
pub const TOO_MANY_CONNECTIONS: &str = "53300";
/// `configuration_limit_exceeded`
pub const CONFIGURATION_LIMIT_EXCEEDED: &str = "53400";
/// `object_in_use`
pub const OBJECT_IN_USE: &str = "55006";
/// `lock_not_available`
pub const LOCK_NOT_AVAILABLE: &str = "55P03";
/// `unsafe_new_enum_value_usage`
pub const UNSAFE_NEW_ENUM_VALUE_USAGE: &str = "55P04";
/// `query_canceled`
pub const QUERY_CANCELED: &str = "57014";
/// `admin_shutdown`
pub const ADMIN_SHUTDOWN: &str = "57P01";
/// `crash_shutdown`
pub const CRASH_SHUTDOWN: &str = "57P02";
/// `cannot_connect_now`
pub const CANNOT_CONNECT_NOW: &str = "57P03";
/// `idle_session_timeout`
pub const IDLE_SESSION_TIMEOUT: &str = "57P05";
/// `raise_exception`
pub const RAISE_EXCEPTION: &str = "P0001";
/// `internal_error`
pub const INTERNAL_ERROR: &str = "XX000";
