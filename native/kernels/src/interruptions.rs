//! System calls that a signal interrupts are made again, but not for ever: some file systems answer nothing else.

use rustix::io::{Errno, Result};

/// No file is read in so many tries that signals end, each of which would have to come within microseconds of the one before.
const MOST: u32 = 1000;

/// How often in a row a call on one file was interrupted.
#[derive(Default)]
pub struct Interruptions(u32);

impl Interruptions {
    /// What a call answered; None if it was interrupted and is worth another try. After too many that is its answer.
    pub fn outlast<T>(&mut self, answer: Result<T>) -> Result<Option<T>> {
        match answer {
            Err(Errno::INTR) if self.0 < MOST => {
                self.0 += 1;
                Ok(None)
            }
            Err(error) => Err(error),
            Ok(value) => {
                self.0 = 0;
                Ok(Some(value))
            }
        }
    }
}

/// Calls until there is another answer than an interruption, within reason.
pub fn persistently<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    let mut interruptions = Interruptions::default();
    loop {
        if let Some(value) = interruptions.outlast(call())? {
            return Ok(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_interrupted_is_made_again() {
        let mut answers = [Err(Errno::INTR), Err(Errno::INTR), Ok(7)].into_iter();
        assert_eq!(persistently(|| answers.next().unwrap_or(Err(Errno::IO))), Ok(7));
    }

    #[test]
    fn what_is_interrupted_for_ever_is_an_error() {
        assert_eq!(persistently(|| Err::<(), _>(Errno::INTR)), Err(Errno::INTR));
    }

    #[test]
    fn interruptions_count_only_in_a_row() {
        let mut interruptions = Interruptions::default();
        for _ in 0..2 * MOST {
            assert_eq!(interruptions.outlast(Err::<(), _>(Errno::INTR)), Ok(None));
            assert_eq!(interruptions.outlast(Ok(())), Ok(Some(())));
        }
    }
}
