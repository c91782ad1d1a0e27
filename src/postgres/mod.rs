//! Everything that knows PostgreSQL itself: connections, SQL as text, catalogs and their DDL, PostgreSQL's programs,
//! and throwaway servers.

pub mod catalog;
pub mod connection;
pub mod ddl;
pub mod lock_mode;
pub mod programs;
pub mod scratch;
pub mod sql;
