//! `Line`: pieces of work that are prepared side by side and finished one after the other.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use super::Begun;
use crate::errors::{Error, Result};
use crate::locks::lock;

/// Finishes what others prepare, in the order in which it was begun. After the first failure nothing more is finished.
///
/// Nobody waits for a turn: whoever has prepared the next piece finishes it, and those behind it that are ready by then.
pub struct Line<P, R> {
    finish: Box<dyn Fn(P) -> Result<R> + Send + Sync>,
    order: Mutex<Order<P, R>>,
}

struct Order<P, R> {
    begun: usize,
    /// Whose turn it is.
    next: usize,
    prepared: BTreeMap<usize, Prepared<P, R>>,
    somebody_finishes: bool,
    has_failed: bool,
}

struct Prepared<P, R> {
    result: thread::Result<Result<P>>,
    to: SyncSender<thread::Result<Result<R>>>,
}

impl<P: Send + 'static, R: Send + 'static> Line<P, R> {
    pub fn new(finish: impl Fn(P) -> Result<R> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            finish: Box::new(finish),
            order: Mutex::new(Order {
                begun: 0,
                next: 0,
                prepared: BTreeMap::new(),
                somebody_finishes: false,
                has_failed: false,
            }),
        })
    }

    /// Begins work on so many bytes; where there is one core, or few bytes to work on, it is prepared right here.
    pub fn begin(self: &Arc<Self>, bytes: usize, prepare: impl FnOnce() -> Result<P> + Send + 'static) -> Begun<Result<R>> {
        let place = {
            let mut order = self.lock();
            order.begun += 1;
            order.begun - 1
        };
        let line = Arc::clone(self);
        Begun::by(bytes, move |to| {
            let result = catch_unwind(AssertUnwindSafe(prepare));
            line.arrive(place, Prepared { result, to });
        })
    }

    fn arrive(&self, place: usize, prepared: Prepared<P, R>) {
        {
            let mut order = self.lock();
            order.prepared.insert(place, prepared);
            if order.somebody_finishes {
                return;
            }
            order.somebody_finishes = true;
        }
        while let Some(Prepared { result, to }) = self.take_next() {
            let finished = self.finish_one(result);
            self.lock().has_failed |= !matches!(finished, Ok(Ok(_)));
            // Nobody may listen any more.
            let _ = to.send(finished);
        }
    }

    /// The next one if it is prepared; else whoever prepares it will see to it.
    fn take_next(&self) -> Option<Prepared<P, R>> {
        let mut order = self.lock();
        let place = order.next;
        let next = order.prepared.remove(&place);
        match next {
            Some(_) => order.next += 1,
            None => order.somebody_finishes = false,
        }
        next
    }

    fn finish_one(&self, prepared: thread::Result<Result<P>>) -> thread::Result<Result<R>> {
        if self.lock().has_failed {
            return Ok(Err(Error::value("what comes before it has failed")));
        }
        match prepared? {
            Ok(piece) => catch_unwind(AssertUnwindSafe(|| (self.finish)(piece))),
            Err(error) => Ok(Err(error)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Order<P, R>> {
        lock(&self.order)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    const MANY_BYTES: usize = 1 << 20;

    #[test]
    fn what_is_prepared_in_any_order_is_finished_in_order() {
        let finished = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&finished);
        let line = Line::new(move |number: u64| {
            log.lock().unwrap().push(number);
            Ok(2 * number)
        });
        let begun: Vec<_> = (0..40)
            .map(|number| {
                line.begin(if number % 5 == 0 { 0 } else { MANY_BYTES }, move || {
                    thread::sleep(Duration::from_micros(number * 7919 % 500));
                    Ok(number)
                })
            })
            .collect();
        for (number, begun) in begun.into_iter().enumerate() {
            assert_eq!(begun.wait().unwrap(), 2 * number as u64);
        }
        assert_eq!(*finished.lock().unwrap(), (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_is_finished_behind_a_failure() {
        let finished = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&finished);
        let line = Line::new(move |number: usize| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(number)
        });
        let begun: Vec<_> = (0..6)
            .map(|number| {
                line.begin(MANY_BYTES, move || match number {
                    3 => Err(Error::integrity("it is damaged".to_owned())),
                    _ => Ok(number),
                })
            })
            .collect();
        let results: Vec<_> = begun
            .into_iter()
            .map(|begun| begun.wait().map_err(|error| error.to_string()))
            .collect();
        assert_eq!(results[..3], [Ok(0), Ok(1), Ok(2)]);
        assert_eq!(results[3], Err("it is damaged".to_owned()));
        assert!(results[4..].iter().all(|result| result.is_err()));
        assert_eq!(finished.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_panic_reaches_who_waits_and_ends_the_line() {
        let line = Line::new(|number: usize| if number == 1 { panic!("on purpose") } else { Ok(number) });
        let begun: Vec<_> = (0..3).map(|number| line.begin(MANY_BYTES, move || Ok(number))).collect();
        let results: Vec<_> = begun
            .into_iter()
            .map(|begun| catch_unwind(AssertUnwindSafe(|| begun.wait())))
            .collect();
        assert_eq!(*results[0].as_ref().unwrap().as_ref().unwrap(), 0);
        assert!(results[1].is_err());
        assert!(results[2].as_ref().unwrap().is_err());
    }
}
