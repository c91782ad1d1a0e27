//! What is known of PostgreSQL, held against a real server: how it quotes, how it prints, what its DDL does.

mod printing;
mod quoting;
mod remedies;
