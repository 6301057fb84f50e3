//! Taking a lock, whatever has happened to it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock, even if a thread panicked while it had it. That panic is a bug, and is told where it happened; who comes later
/// (often only to clean up) would hide it behind a second one. What is locked is changed in steps that leave it sound.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
