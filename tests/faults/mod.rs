//! One test per fault that a reading command can meet, named by the fault's number, against a real server.
//!
//! What can be shown without a whole project is shown elsewhere under the same numbers: F09, F43 and F46 before
//! a command begins (`tests/command_line`), F34, F53, F54 and F55 on the way to a connection (`tests/connect`), F08 of local scratch
//! servers (`tests/scratch`).

mod backed;
mod changes;
mod concurrent_ddl;
mod crash;
mod files;
mod limits;
mod lock_file;
mod locks;
mod machine;
mod names;
mod output;
mod pasted;
mod places;
mod pooler;
mod prompts;
mod refusals;
mod rights;
mod round_trips;
mod secrets;
mod settings;
mod signals;
mod standby;
mod state;
mod status;
mod trojans;
mod untrusted;
mod writes_nothing;
