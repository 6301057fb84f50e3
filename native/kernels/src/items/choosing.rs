//! Which items a user asked for, by whole paths and by directories. Other patterns are Python's.

use std::collections::{BTreeSet, HashMap};

use crate::errors::Result;

use super::{ItemName, ItemWindow};

/// Patterns of two kinds with what they say of a path: true if it is in. Immutable.
pub struct PathSelector {
    /// These decide before all others.
    full: HashMap<Vec<u8>, bool>,
    /// A path and everything below it; the first that matches decides.
    prefixes: Vec<(Vec<u8>, bool)>,
    /// What holds where nothing matches.
    fallback: bool,
}

impl PathSelector {
    /// Prefixes end with a slash, and neither they nor full paths begin with one.
    pub fn new(full: HashMap<Vec<u8>, bool>, prefixes: Vec<(Vec<u8>, bool)>, fallback: bool) -> Self {
        Self {
            full,
            prefixes,
            fallback,
        }
    }

    /// The items that are in, and the places of the prefixes that decided about any item.
    pub fn select(&self, window: &ItemWindow, with_parts: bool) -> Result<(ItemWindow, BTreeSet<usize>)> {
        let verdicts = window.map_names(|ItemName { path, is_part }| match is_part && !with_parts {
            true => (false, None),
            false => self.decide(path),
        })?;
        let matched = verdicts.iter().filter_map(|&(_, prefix)| prefix).collect();
        Ok((window.filter(|place| verdicts[place].0), matched))
    }

    fn decide(&self, path: &[u8]) -> (bool, Option<usize>) {
        let slashes = path.iter().take_while(|&&byte| byte == b'/').count();
        let path = &path[slashes..];
        if let Some(&verdict) = self.full.get(path) {
            return (verdict, None);
        }
        let is_in = |prefix: &[u8]| path.starts_with(prefix) || prefix.strip_suffix(b"/").is_some_and(|whole| path == whole);
        let found = self.prefixes.iter().position(|(prefix, _)| is_in(prefix));
        (found.map_or(self.fallback, |place| self.prefixes[place].1), found)
    }
}
