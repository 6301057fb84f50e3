//! Whether an item is the same in two archives. Extended attributes, ACLs, flags and device numbers do not count, as with Borg.

use crate::errors::Result;
use crate::items::{ItemView, PackedChunks};
use crate::listing::count_characters;
use crate::modes;

/// What counts when items are compared.
#[derive(Clone, Copy)]
pub struct Standard {
    /// The same content has the same chunks, so that nothing needs to be read.
    pub by_ids: bool,
    /// Owners, modes and times do not count.
    pub content_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Same,
    Different,
    /// Equal if the content is, which is of one size but cut differently.
    SameIfContentIs,
}

impl Standard {
    /// Compares two packed items of the same path.
    pub fn compare(self, old: &[u8], new: &[u8]) -> Result<Verdict> {
        if old == new {
            return Ok(Verdict::Same);
        }
        let (old, new) = (ItemView::parse(old)?, ItemView::parse(new)?);
        if old.source != new.source || !(self.content_only || has_same_attributes(&old, &new)) {
            return Ok(Verdict::Different);
        }
        let (Some(before), Some(after)) = (old.chunks, new.chunks) else {
            return Ok(Verdict::Same);
        };
        let are_alike =
            |matches: fn(PackedChunks, PackedChunks) -> bool| before.is_packed_like(after) || matches(before, after);
        Ok(if self.by_ids {
            // Stored sizes count, too: a recompressed file is different, though there is nothing to say about it.
            match are_alike(|before, after| before.iter().eq(after.iter())) {
                true => Verdict::Same,
                false => Verdict::Different,
            }
        } else if size(&old) != size(&new) {
            Verdict::Different
        } else if are_alike(|before, after| before.iter().map(|(id, ..)| id).eq(after.iter().map(|(id, ..)| id))) {
            Verdict::Same
        } else {
            Verdict::SameIfContentIs
        })
    }
}

fn has_same_attributes(old: &ItemView, new: &ItemView) -> bool {
    old.mode.unwrap_or_default() == new.mode.unwrap_or_default()
        && old.mtime.unwrap_or_default() == new.mtime.unwrap_or_default()
        && old.ctime == new.ctime
        && old.user.flatten() == new.user.flatten()
        && old.group.flatten() == new.group.flatten()
}

/// The size of the content, of a symlink that of its target.
fn size(item: &ItemView) -> u64 {
    if modes::kind(item.mode.unwrap_or_default()) == modes::SYMLINK {
        return count_characters(item.source.unwrap_or_default()) as u64;
    }
    item.size.unwrap_or_else(|| item.chunks.map_or(0, |chunks| chunks.size_bytes))
}
