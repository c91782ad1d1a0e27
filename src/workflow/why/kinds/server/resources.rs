//! Class `53` beside connections: the server has no memory, disk or locks left.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::ErrorKind;

pub(in super::super) const DISK: ErrorKind = ErrorKind {
    condition: "disk_full",
    sqlstate: "53100",
    patterns: &["No space left on device", "temporary file size exceeds temp_file_limit"],
    follows: false,
    meaning: "The server's disk is full, or a limit of it is reached.",
    asks: &[],
    judge: disk,
};

pub(in super::super) const LOCKS: ErrorKind = ErrorKind {
    condition: "out_of_shared_memory",
    sqlstate: "",
    patterns: &["out of shared memory"],
    meaning: "The server's shared memory has no room for more locks: one transaction locks very many tables or partitions.",
    judge: locks,
    ..DISK
};

fn disk(_: &Case<'_>) -> Explanation {
    Explanation::elsewhere(
        "the schema is not the reason: the server cannot write any more data",
        "free disk space or add some; look for replication slots that keep WAL (pg_replication_slots) and for large temporary files; \
         never remove files of pg_wal by hand",
    )
}

fn locks(_: &Case<'_>) -> Explanation {
    Explanation::elsewhere(
        "the schema is not the reason: the table of locks is full",
        "lock fewer tables in one transaction, or raise max_locks_per_transaction and restart the server",
    )
}
