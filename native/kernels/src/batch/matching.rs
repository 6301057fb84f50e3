//! Recognising files that have not changed since an earlier backup.

use super::FileBatch;
use super::entry::{BatchEntry, Content, Remembered};
use crate::Id;
use crate::files_cache::{Clock, Compared, FilesCache};
use crate::hashing::IdHasher;
use crate::index::{AHEAD, ChunkIndex};

/// Most paths are shorter.
const PATH_BYTES: usize = 128;

impl FileBatch {
    /// Marks the regular files that the cache knows as unchanged and whose chunks are all there.
    pub fn match_cache(&mut self, cache: &FilesCache, chunks: &ChunkIndex, hasher: &IdHasher, cwd: &[u8]) {
        let mut candidates: Vec<&mut BatchEntry> = self.entries.iter_mut().filter(|entry| entry.is_cacheable()).collect();
        let hashes = path_hashes(&candidates, hasher, cwd);
        let mut known = cache.known();
        for (run, hashes) in candidates.chunks_mut(AHEAD).zip(hashes.chunks(AHEAD)) {
            known.touch(hashes);
            for (entry, hash) in run.iter_mut().zip(hashes) {
                entry.path_hash = Some(*hash);
                let time = cmtime(entry, cache.clock());
                match known.compare(hash, entry.stat.ino, entry.stat.size, time) {
                    Compared::Unasked => {}
                    Compared::Unknown => entry.remembered = Remembered::Nothing,
                    Compared::Changed(difference) => entry.remembered = Remembered::Otherwise(difference),
                    Compared::Unchanged(ids) => {
                        entry.remembered = Remembered::Same;
                        let start = self.chunks.len();
                        self.chunks.extend_unsized(ids);
                        entry.content = Content::Unchanged(start..self.chunks.len());
                    }
                }
            }
        }
        drop(known);
        let mut index = chunks.lock();
        for run in candidates.chunks_mut(AHEAD) {
            let ids = |entry: &BatchEntry| match &entry.content {
                Content::Unchanged(range) => &self.chunks.ids[range.clone()],
                _ => &[],
            };
            index.touch(run.iter().flat_map(|entry| ids(entry)));
            for entry in run {
                if !ids(entry).iter().all(|id| index.get(id).is_some()) {
                    entry.content = Content::Listed;
                    entry.remembered = Remembered::Incompletely;
                }
            }
        }
    }

    /// Records what was read and did not change meanwhile. The records of unchanged files were renewed when they were found.
    pub fn memorize(&self, cache: &FilesCache) {
        let mut known = cache.known();
        for entry in self.entries.iter().filter(|entry| entry.is_cacheable() && !entry.changed) {
            if let Some(hash) = &entry.path_hash
                && let Content::Stored { chunks, was_read: true } = &entry.content
            {
                let time = cmtime(entry, cache.clock());
                let ids = &self.chunks.ids[chunks.clone()];
                known.memorize(hash, entry.stat.ino, entry.stat.size, time, ids);
            }
        }
    }
}

fn cmtime(entry: &BatchEntry, clock: Clock) -> i64 {
    match clock {
        Clock::Ctime => entry.stat.ctime,
        Clock::Mtime => entry.stat.mtime,
    }
}

/// What the files cache calls these files: hashes of their absolute paths, in which nothing is resolved or normalised.
fn path_hashes(entries: &[&mut BatchEntry], hasher: &IdHasher, cwd: &[u8]) -> Vec<Id> {
    let mut paths = Vec::with_capacity(entries.len() * PATH_BYTES);
    let mut ends = Vec::with_capacity(entries.len());
    for entry in entries {
        if !entry.is_absolute() {
            paths.extend_from_slice(cwd);
            if !cwd.ends_with(b"/") {
                paths.push(b'/');
            }
        }
        entry.append_walked(&mut paths);
        ends.push(paths.len());
    }
    let mut start = 0;
    let slices: Vec<&[u8]> = ends
        .iter()
        .map(|&end| &paths[std::mem::replace(&mut start, end)..end])
        .collect();
    hasher.digest_many(&slices)
}
