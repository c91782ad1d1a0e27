//! The incidents that trueup exists for, end to end: the legacy database, the commands that an operator types, what they
//! see, the exit code of every step, and the application's own statement, which fails before and works at the end.
//!
//! What is seen lies beside each incident as a transcript (`api_keys_user_id.txt`), without what differs from run to run:
//! identifiers, times, sizes, versions, places. `UPDATE_EXPECTED=1` takes it anew.

mod api_keys_user_id;
mod incident;
mod logins;
mod never_migrated;
mod other_database;
mod password_hash;
mod password_hash_by_hand;
mod username;
