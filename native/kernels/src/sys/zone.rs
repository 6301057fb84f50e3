//! Local time.

/// How many seconds the local zone is ahead of UTC at a time, given in seconds since 1970 UTC; 0 for what is no time at all.
pub fn seconds_east(time: i64) -> i64 {
    let mut broken_down = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call, and a `tm` of zeros is a valid one. The zone is read under the C library's
    // own lock; nothing in this process changes the environment it comes from while threads run.
    #[allow(unsafe_code)]
    let broken_down = unsafe {
        libc::localtime_r(&raw const time, broken_down.as_mut_ptr());
        broken_down.assume_init()
    };
    broken_down.tm_gmtoff
}
