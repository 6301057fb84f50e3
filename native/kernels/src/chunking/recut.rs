//! Cutting content that has been cut before, by another rule.

use rayon::prelude::*;

use super::batch::{Chunk, ChunkBatch};
use super::params::Chunker;
use crate::errors::{Error, Result};
use crate::hashing::IdHasher;
use crate::memory::{self, Shared};
use crate::parallel;

/// The new chunks of many whole files, whose old ones are `chunks`, so many (`counts`) for each;
/// and how many new ones each has.
pub fn recut(chunker: &Chunker, hasher: &IdHasher, chunks: &ChunkBatch, counts: &[usize]) -> Result<(ChunkBatch, Vec<usize>)> {
    let mut files = Vec::with_capacity(counts.len());
    let mut rest = chunks.chunks.as_slice();
    for &count in counts {
        let (file, behind) = rest
            .split_at_checked(count)
            .ok_or_else(|| Error::value("the files have more chunks than there are"))?;
        files.push(file);
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(Error::value("some chunks belong to no file"));
    }
    let cut = |file: &&[Chunk]| cut_file(chunker, file);
    let pieces: Vec<Vec<Shared>> = if parallel::is_worthwhile(files.len(), chunks.size_bytes()) {
        files.par_iter().map(cut).collect()
    } else {
        files.iter().map(cut).collect()
    };
    let counts = pieces.iter().map(Vec::len).collect();
    Ok((ChunkBatch::of(pieces.into_iter().flatten().collect(), hasher), counts))
}

fn cut_file(chunker: &Chunker, chunks: &[Chunk]) -> Vec<Shared> {
    let whole = match chunks {
        [only] => only.data.clone(),
        _ => Shared::from(join(chunks)),
    };
    let mut start = 0;
    let sizes = chunker.cut(&whole).into_iter();
    sizes
        .map(|size| {
            let range = start..start + size;
            start = range.end;
            whole.slice(range)
        })
        .collect()
}

fn join(chunks: &[Chunk]) -> Vec<u8> {
    let mut whole = memory::buffer(chunks.iter().map(|chunk| chunk.data.len()).sum());
    for chunk in chunks {
        whole.extend_from_slice(&chunk.data);
    }
    whole
}
