//! A compiled format, and items rendered with it.

use crate::errors::{Error, Result};
use crate::items::{ItemView, ItemWindow};

use super::clock::Clock;
use super::text::{count_characters, push_json};
use super::values::{Key, Kind, push_value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    Left,
    Right,
    Middle,
}

/// How a value is laid out, as Python's format specifications say.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// None for what suits the value: texts to the left, numbers to the right.
    pub alignment: Option<Alignment>,
    pub width: usize,
}

/// A part of a line.
pub enum Segment {
    /// Always the same.
    Fixed(Vec<u8>),
    /// A value as text.
    Text(Key, Layout),
    /// A value as JSON.
    Json(Key),
    /// What the caller has rendered, in the next of its columns.
    Column,
}

/// A format for items. Immutable.
pub struct ItemRenderer {
    segments: Vec<Segment>,
    columns: usize,
}

/// Bytes that a line may take as a rule.
const LINE_BYTES: usize = 160;

impl ItemRenderer {
    pub fn new(segments: Vec<Segment>) -> Self {
        let columns = segments.iter().filter(|segment| matches!(segment, Segment::Column)).count();
        Self { segments, columns }
    }

    /// One line for each item; each of the columns has a text for each. None if there is an item that is not for us to show.
    pub fn render(&self, window: &ItemWindow, columns: &[Vec<Vec<u8>>]) -> Result<Option<Vec<u8>>> {
        if columns.len() != self.columns || columns.iter().any(|column| column.len() != window.len()) {
            return Err(Error::value("each column of the format needs a text for each item"));
        }
        let runs = window.map_runs(|places| {
            let mut out = Vec::with_capacity(places.len() * LINE_BYTES);
            let mut scratch = Vec::new();
            let mut clock = Clock::default();
            for place in places {
                let item = ItemView::parse(window.packed(place))?;
                if self.line(&mut out, &mut scratch, &item, columns, place, &mut clock).is_none() {
                    return Ok(None);
                }
            }
            Ok(Some(out))
        })?;
        let runs: Option<Vec<Vec<u8>>> = runs.into_iter().collect();
        Ok(runs.map(|runs| runs.concat()))
    }

    fn line(
        &self,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
        item: &ItemView,
        columns: &[Vec<Vec<u8>>],
        place: usize,
        clock: &mut Clock,
    ) -> Option<()> {
        let mut columns = columns.iter();
        for segment in &self.segments {
            match segment {
                Segment::Fixed(text) => out.extend_from_slice(text),
                Segment::Column => out.extend_from_slice(&columns.next()?[place]),
                Segment::Text(key, layout) => {
                    let start = out.len();
                    let kind = push_value(out, *key, item, clock)?;
                    layout.apply(out, start, kind)?;
                }
                Segment::Json(key) => {
                    scratch.clear();
                    match push_value(scratch, *key, item, clock)? {
                        Kind::Text => push_json(out, str::from_utf8(scratch).ok()?),
                        Kind::Number => out.extend_from_slice(scratch),
                        Kind::Truth(true) => out.extend_from_slice(b"true"),
                        Kind::Truth(false) => out.extend_from_slice(b"false"),
                        Kind::Nothing => out.extend_from_slice(b"null"),
                    }
                }
            }
        }
        Some(())
    }
}

impl Layout {
    /// Pads the value that was written from `start` on. None if such a value cannot be laid out.
    fn apply(&self, out: &mut Vec<u8>, start: usize, kind: Kind) -> Option<()> {
        let natural = match kind {
            Kind::Text => Alignment::Left,
            Kind::Number => Alignment::Right,
            // Rare enough to be left to Python.
            Kind::Truth(_) | Kind::Nothing => return None,
        };
        let missing = self.width.saturating_sub(count_characters(&out[start..]));
        if missing == 0 {
            return Some(());
        }
        let before = match self.alignment.unwrap_or(natural) {
            Alignment::Left => 0,
            Alignment::Right => missing,
            Alignment::Middle => missing / 2,
        };
        out.resize(out.len() + missing, b' ');
        // As many of these spaces as belong before the value come to the front.
        out[start..].rotate_right(before);
        Some(())
    }
}
