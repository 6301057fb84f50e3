//! Times of files as they are shown: in the local zone, rounded to microseconds by way of a float, as Borg does it.

use crate::sys::seconds_east;
use crate::times::LAST_TIME;

const DAY_S: i64 = 24 * 3600;
/// The offset from UTC changes at most once in so short a time, so it does not change where it is the same at both ends.
const QUARTER_S: i64 = 900;
const WEEKDAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

/// Knows the local zone, and remembers its offset at one time. Used by one thread.
#[derive(Default)]
pub struct Clock {
    known: Option<(i64, i64)>,
}

/// A local time.
struct Moment {
    /// Since 1970-01-01.
    days: i64,
    seconds: i64,
    micros: u32,
}

impl Clock {
    fn moment(&mut self, time_ns: i128) -> Moment {
        let seconds = time_ns.clamp(0, LAST_TIME.into()) as f64 / 1e9;
        let mut whole = seconds.trunc();
        let mut micros = (seconds.fract() * 1e6).round_ties_even();
        if micros >= 1e6 {
            micros -= 1e6;
            whole += 1.0;
        }
        let seconds = whole as i64;
        let local = seconds + self.offset(seconds);
        Moment {
            days: local.div_euclid(DAY_S),
            seconds: local.rem_euclid(DAY_S),
            micros: micros as u32,
        }
    }

    fn offset(&mut self, seconds: i64) -> i64 {
        let quarter = seconds.div_euclid(QUARTER_S);
        match self.known {
            Some((known, offset)) if known == quarter => offset,
            _ => {
                let start = seconds_east(quarter * QUARTER_S);
                if start == seconds_east((quarter + 1) * QUARTER_S) {
                    self.known = Some((quarter, start));
                    start
                } else {
                    seconds_east(seconds)
                }
            }
        }
    }

    /// "Mon, 2026-11-23 04:05:06"
    pub fn push_text(&mut self, out: &mut Vec<u8>, time_ns: i128) {
        let moment = self.moment(time_ns);
        out.extend_from_slice(WEEKDAYS[moment.days.rem_euclid(7) as usize]);
        out.extend_from_slice(b", ");
        moment.push_day(out);
        out.push(b' ');
        moment.push_clock(out);
    }

    /// "2026-11-23T04:05:06.123456"
    pub fn push_iso(&mut self, out: &mut Vec<u8>, time_ns: i128) {
        let moment = self.moment(time_ns);
        moment.push_day(out);
        out.push(b'T');
        moment.push_clock(out);
        out.push(b'.');
        push_digits(out, moment.micros.into(), 6);
    }
}

impl Moment {
    fn push_day(&self, out: &mut Vec<u8>) {
        let (year, month, day) = civil(self.days);
        push_digits(out, year, 4);
        out.push(b'-');
        push_digits(out, month, 2);
        out.push(b'-');
        push_digits(out, day, 2);
    }

    fn push_clock(&self, out: &mut Vec<u8>) {
        push_digits(out, self.seconds / 3600, 2);
        out.push(b':');
        push_digits(out, self.seconds / 60 % 60, 2);
        out.push(b':');
        push_digits(out, self.seconds % 60, 2);
    }
}

/// Year, month and day of the Gregorian calendar. Years are taken to begin in March, so that leap days are at their end.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA_DAYS: i64 = 146_097; // 400 years
    let shifted = days + 719_468;
    let era = shifted.div_euclid(ERA_DAYS);
    let day_of_era = shifted.rem_euclid(ERA_DAYS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

fn push_digits(out: &mut Vec<u8>, value: i64, width: usize) {
    let mut digits = [b'0'; 8];
    let mut rest = value;
    for digit in digits[..width].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[..width]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (24_855, (2038, 1, 19)),
        ] {
            assert_eq!(civil(days), date);
        }
    }
}
