//! Recognising files that have not changed since an earlier backup.

use super::FileBatch;
use super::entry::{BatchEntry, Content};
use crate::files_cache::{Clock, FilesCache};
use crate::hashing::IdHasher;
use crate::index::ChunkIndex;

impl FileBatch {
    /// Marks the regular files that the cache knows as unchanged and whose chunks are all there.
    pub fn match_cache(&mut self, cache: &FilesCache, chunks: &ChunkIndex, hasher: &IdHasher, cwd: &[u8]) {
        let mut candidates: Vec<&mut BatchEntry> = self.entries.iter_mut().filter(|entry| entry.is_cacheable()).collect();
        let paths: Vec<Vec<u8>> = candidates.iter().map(|entry| absolute(cwd, entry.walked())).collect();
        let slices: Vec<&[u8]> = paths.iter().map(Vec::as_slice).collect();
        let hashes = hasher.digest_many(&slices);
        let mut known = cache.known();
        for (entry, hash) in candidates.iter_mut().zip(&hashes) {
            entry.path_hash = Some(*hash);
            entry.known = known.contains(hash);
            if let Some(ids) = known.unchanged(hash, entry.stat.ino, entry.stat.size, cmtime(entry, cache.clock())) {
                entry.content = Content::Unchanged(ids.to_vec());
            }
        }
        drop(known);
        let mut index = chunks.lock();
        for entry in candidates {
            if let Content::Unchanged(ids) = &entry.content
                && !ids.iter().all(|id| index.get(id).is_some())
            {
                entry.content = Content::Listed;
            }
        }
    }

    /// Records what was read and did not change meanwhile, and renews the records of unchanged files.
    pub fn memorize(&self, cache: &FilesCache) {
        let mut known = cache.known();
        for entry in self.entries.iter().filter(|entry| entry.is_cacheable() && !entry.changed) {
            let (Some(hash), Content::Stored { list, was_read }) = (&entry.path_hash, &entry.content) else {
                continue;
            };
            let time = cmtime(entry, cache.clock());
            known.memorize(hash, entry.stat.ino, entry.stat.size, time, &list.ids, *was_read);
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
