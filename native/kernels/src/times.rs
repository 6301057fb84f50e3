//! The times that archives and files caches hold.

/// Borg's largest time in ns: two days before 32 bits of seconds end.
pub const LAST_TIME: i64 = ((1 << 31) - 1 - 48 * 3600) * 1_000_000_000;

/// A time of a file as it is recorded: what Borg has no time for counts as the first or the last that it has.
pub fn recorded(nanoseconds: i64) -> i64 {
    nanoseconds.clamp(0, LAST_TIME)
}
