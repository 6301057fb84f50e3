//! Recognising files that have not changed since an earlier backup.

use super::FileBatch;
use super::entry::{BatchEntry, Content};
use crate::Id;
use crate::files_cache::{Clock, FilesCache};
use crate::hashing::IdHasher;
use crate::index::{ChunkIndex, ChunkTable};

impl FileBatch {
    /// Marks the regular files that the cache knows as unchanged, and references their chunks.
    pub fn match_cache(&mut self, cache: &FilesCache, chunks: &ChunkIndex, hasher: &IdHasher, cwd: &[u8]) {
        let mut candidates: Vec<&mut BatchEntry> = self.entries.iter_mut().filter(|entry| entry.is_cacheable()).collect();
        let paths: Vec<Vec<u8>> = candidates.iter().map(|entry| absolute(cwd, entry.walked())).collect();
        let slices: Vec<&[u8]> = paths.iter().map(Vec::as_slice).collect();
        for (entry, hash) in candidates.iter_mut().zip(hasher.digest_many(&slices)) {
            entry.path_hash = Some(hash);
            entry.known = cache.lookup(&hash).is_some();
        }
        let mut index = chunks.lock();
        for entry in candidates {
            let Some(hash) = entry.path_hash.filter(|_| entry.known) else {
                continue;
            };
            let found = cache.unchanged(&hash, entry.stat.ino, entry.stat.size, cmtime(entry, cache.clock()));
            if let Some(ids) = found.filter(|ids| reference_all(&mut index, ids)) {
                entry.content = Content::Unchanged(ids);
            }
        }
    }

    /// Records what was read and did not change meanwhile, and renews the records of unchanged files.
    pub fn memorize(&self, cache: &FilesCache) {
        for entry in self.entries.iter().filter(|entry| entry.is_cacheable() && !entry.changed) {
            let Some(hash) = &entry.path_hash else { continue };
            let (ids, was_read) = match &entry.content {
                Content::Stored(list) => (&list.ids, true),
                Content::Unchanged(ids) => (ids, false),
                _ => continue,
            };
            cache.memorize(
                hash,
                entry.stat.ino,
                entry.stat.size,
                cmtime(entry, cache.clock()),
                ids,
                was_read,
            );
        }
    }
}

fn cmtime(entry: &BatchEntry, clock: Clock) -> i64 {
    match clock {
        Clock::Ctime => entry.stat.ctime,
        Clock::Mtime => entry.stat.mtime,
    }
}

/// The path whose hash is the key: nothing in it is resolved or normalised.
fn absolute(cwd: &[u8], walked: Vec<u8>) -> Vec<u8> {
    match (walked.first(), cwd.last()) {
        (Some(b'/'), _) => walked,
        (_, Some(b'/')) => [cwd, &walked].concat(),
        _ => [cwd, b"/", &walked].concat(),
    }
}

/// One more reference per occurrence if every chunk is in the index, else none. The index stays locked between the two.
fn reference_all(index: &mut ChunkTable, ids: &[Id]) -> bool {
    let complete = ids.iter().all(|id| index.get(id).is_some());
    if complete {
        for id in ids {
            index.add_reference(id);
        }
    }
    complete
}
