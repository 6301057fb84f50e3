//! A window of files on its way out of an archive: everything that happens per file while restoring happens here.

use std::sync::Arc;

use crate::Id;
use crate::crypto::Opener;
use crate::errors::Result;
use crate::items::Item;
use crate::memory::Shared;
use crate::parallel::{Begun, Line};

use super::large::Part;
use super::outcome::Trouble;
use super::restorer::{Restorer, check_content};
use super::run::restore_all;

/// What is to be done.
pub enum Action {
    MakeDirectory,
    /// Attributes of a directory, when everything is in it.
    FinishDirectory,
    /// A regular file with the next so many chunks of the window.
    WriteFile(usize),
    /// More of a regular file that is too large for one window.
    WritePart(Part),
    /// A hard link to what was restored at this path.
    MakeLink(Vec<u8>),
    /// A symlink, fifo or device.
    MakeSpecial,
}

/// One action on one path.
pub struct Entry {
    pub action: Action,
    pub path: Vec<u8>,
    pub item: Arc<Item>,
}

impl Entry {
    /// How many chunks it writes.
    pub(super) fn chunk_count(&self) -> usize {
        match &self.action {
            Action::WriteFile(count) => *count,
            Action::WritePart(part) => part.chunks.len(),
            _ => 0,
        }
    }

    /// There is no place for it; returns whether that is news.
    pub(super) fn give_up(&self) -> bool {
        match &self.action {
            Action::WritePart(part) => !std::mem::replace(&mut part.file.lock().is_over, true),
            _ => true,
        }
    }

    /// The ids of these chunks, in order, but for those that are known.
    fn wanted_ids(&self) -> Vec<Id> {
        match &self.action {
            Action::WriteFile(_) => self.item.chunks.as_ref().map_or_else(Vec::new, |chunks| chunks.ids.clone()),
            Action::WritePart(part) => {
                let mut known = part.known.iter().map(|(place, _)| *place).peekable();
                let ids = part.chunks.ids.iter().enumerate();
                let missing = ids.filter(|(place, _)| known.next_if_eq(place).is_none());
                missing.map(|(_, id)| *id).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The content of all its chunks, of which the wanted ones come next in `opened`.
    fn contents(&self, opened: &mut impl Iterator<Item = Shared>) -> Vec<Shared> {
        let Action::WritePart(part) = &self.action else {
            return opened.take(self.chunk_count()).collect();
        };
        let mut known = part.known.iter().peekable();
        let places = 0..part.chunks.len();
        let one = |place| match known.next_if(|(at, _)| *at == place) {
            Some((_, content)) => Some(content.clone()),
            None => opened.next(),
        };
        places.map_while(one).collect()
    }
}

/// Troubles with the places of their entries in the batch, in order.
pub type Troubles = Vec<(usize, Trouble)>;

/// Restores window after window: their contents are opened side by side, and what they say is done in order.
pub struct RestoreLine {
    opener: Arc<Opener>,
    line: Arc<Line<Opened, Troubles>>,
}

struct Opened {
    entries: Vec<Entry>,
    contents: Vec<Shared>,
}

impl RestoreLine {
    /// Without a restorer content is only looked at.
    pub fn new(opener: Arc<Opener>, restorer: Option<Arc<Restorer>>) -> Self {
        let finish = move |Opened { entries, contents }| {
            Ok(match &restorer {
                Some(restorer) => restore_all(restorer, &entries, &contents),
                None => check_contents(&entries, &contents),
            })
        };
        Self {
            opener,
            line: Line::new(finish),
        }
    }

    /// Begins a window of about so many `bytes`; `stored` are the objects of its `content_ids`. When content cannot be opened
    /// nothing of the window is done, and nothing of those behind it.
    pub fn begin(&self, bytes: usize, entries: Vec<Entry>, stored: Vec<Shared>) -> Begun<Result<Troubles>> {
        let opener = Arc::clone(&self.opener);
        self.line.begin(bytes, move || {
            let slices: Vec<&[u8]> = stored.iter().map(|object| &**object).collect();
            let mut opened = opener.open_many(&slices, &content_ids(&entries))?.into_iter();
            let contents = entries.iter().flat_map(|entry| entry.contents(&mut opened)).collect();
            Ok(Opened { entries, contents })
        })
    }
}

/// The ids of all chunks that the files of a batch want, in order.
pub fn content_ids(entries: &[Entry]) -> Vec<Id> {
    entries.iter().flat_map(Entry::wanted_ids).collect()
}

fn check_contents(entries: &[Entry], contents: &[Shared]) -> Troubles {
    let mut troubles = Vec::new();
    let mut rest = contents;
    for (number, entry) in entries.iter().enumerate() {
        let (chunks, behind) = rest.split_at(entry.chunk_count().min(rest.len()));
        rest = behind;
        let mut size = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let is_complete = match &entry.action {
            Action::WriteFile(_) => true,
            Action::WritePart(part) => {
                let mut state = part.file.lock();
                state.size += size;
                size = state.size;
                part.is_last
            }
            _ => false,
        };
        if is_complete {
            let mut found = Vec::new();
            check_content(&entry.item, size, &mut found);
            troubles.extend(found.into_iter().map(|trouble| (number, trouble)));
        }
    }
    troubles
}
