//! Which items a user asked for, by whole paths and by directories. Other patterns are Python's.

use std::collections::HashMap;

use super::ItemName;

/// Patterns of two kinds with what they say of a path: true if it is in. Immutable.
pub struct PathSelector {
    /// These decide before all others.
    full: HashMap<Vec<u8>, bool>,
    /// A path and everything below it; the first that matches decides.
    prefixes: Vec<(Vec<u8>, bool)>,
    /// What holds where nothing matches.
    fallback: bool,
    /// Whether parts of files, as checkpoints leave them, are items like others; if not, they are out.
    with_parts: bool,
}

impl PathSelector {
    /// Prefixes end with a slash, and neither they nor full paths begin with one.
    pub fn new(full: HashMap<Vec<u8>, bool>, prefixes: Vec<(Vec<u8>, bool)>, fallback: bool, with_parts: bool) -> Self {
        Self {
            full,
            prefixes,
            fallback,
            with_parts,
        }
    }

    /// Whether an item is in, and the place of the prefix that decided about it.
    pub fn decide(&self, name: &ItemName) -> (bool, Option<usize>) {
        if name.is_part && !self.with_parts {
            return (false, None);
        }
        let slashes = name.path.iter().take_while(|&&byte| byte == b'/').count();
        let path = &name.path[slashes..];
        if let Some(&verdict) = self.full.get(path) {
            return (verdict, None);
        }
        let is_in = |prefix: &[u8]| path.starts_with(prefix) || prefix.strip_suffix(b"/").is_some_and(|whole| path == whole);
        let found = self.prefixes.iter().position(|(prefix, _)| is_in(prefix));
        (found.map_or(self.fallback, |place| self.prefixes[place].1), found)
    }
}
