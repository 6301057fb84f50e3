//! Walking where there is nothing to choose: all of a tree goes into one batch after the other,
//! as fast as directories are listed.
//!
//! It takes what the walk in Python would take, in the same order, and reports the same failures in the same places.

use std::sync::Arc;

use super::FileBatch;
use crate::errors::{Error, Result};
use crate::scanning::{Everything, Listing, scan_directory};

/// After so many directories the caller may look around, even if there is room for more.
const MOST_DIRECTORIES: usize = 256;

/// What could not be listed or entered.
#[derive(Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// How many entries were in the batch before.
    pub before: usize,
    /// As walked to.
    pub path: Vec<u8>,
    pub errno: i32,
    pub operation: &'static str,
}

/// A walk through all that a listing leads to, as its `Everything` says.
pub struct PlainWalk {
    everything: Arc<Everything>,
    /// The directories that are being walked, and how far.
    stack: Vec<(Arc<Listing>, usize)>,
}

impl PlainWalk {
    /// Begins with the first entry of a directory. An error if its root was not opened as one without a choice.
    pub fn new(listing: &Arc<Listing>) -> Result<Self> {
        let everything = listing.everything.clone();
        Ok(Self {
            everything: everything.ok_or_else(|| Error::value("the kernels do not know what the walk goes through"))?,
            stack: vec![(Arc::clone(listing), 0)],
        })
    }

    pub fn has_ended(&self) -> bool {
        self.stack.is_empty()
    }

    /// Goes on until the batch is full, the end is reached, or some time has passed.
    pub fn fill(&mut self, batch: &mut FileBatch) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        let mut directories = 0;
        while directories < MOST_DIRECTORIES
            && !batch.is_full()
            && let Some((listing, position)) = self.stack.last_mut()
        {
            let rest = &listing.entries[*position..];
            let plain = rest.iter().take_while(|entry| entry.stat.kind() != b'd').count();
            if plain > 0 {
                *position = batch.add(listing, *position..*position + plain);
            } else if rest.is_empty() {
                self.stack.pop();
            } else {
                let (parent, index) = (Arc::clone(listing), *position);
                *position += 1;
                directories += 1;
                if let Some(content) = self.enter(&parent, index, batch, &mut obstacles) {
                    self.stack.push((content, 0));
                }
            }
        }
        obstacles
    }

    /// Takes the directory at `index`, for which there is room; its content, if that is walked.
    fn enter(
        &self,
        parent: &Arc<Listing>,
        index: usize,
        batch: &mut FileBatch,
        obstacles: &mut Vec<Obstacle>,
    ) -> Option<Arc<Listing>> {
        let entry = &parent.entries[index];
        if self.everything.is_skipped(entry) {
            return None;
        }
        if !self.everything.is_on_device(entry) {
            batch.add(parent, index..index + 1);
            return None;
        }
        let mut note = |before, path, errno, operation| {
            obstacles.push(Obstacle {
                before,
                path,
                errno,
                operation,
            });
        };
        let content = match scan_directory(parent, index) {
            Ok(content) => content,
            Err(error) => {
                note(batch.len(), parent.walked(entry), error.errno(), "dir_open");
                return None;
            }
        };
        if let Some(Err(error)) = entry.attribute_names() {
            note(batch.len(), parent.walked(entry), error.raw_os_error(), "listxattr");
            return None;
        }
        batch.add(parent, index..index + 1);
        if content.errno() != 0 {
            note(batch.len(), parent.walked(entry), content.errno(), "scandir");
            return None;
        }
        for (path, error) in &content.failures {
            note(batch.len(), path.clone(), error.raw_os_error(), "stat");
        }
        Some(content)
    }
}
