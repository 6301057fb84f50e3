//! What the property tests from Python cannot aim at: the exact ends of stretches, and each reason to keep a DELETE.

use super::{MovedEntries, ShadowIndex, Source, Target};
use crate::Id;
use crate::index::RepositoryIndex;
use crate::segments::{COMMIT, DELETE, PUT, SegmentEntries};

const MANIFEST: Id = [0; 32];

fn id(number: u8) -> Id {
    [number; 32]
}

/// Entries of 100 bytes, one after the other.
fn entries(tagged: &[(u8, Id)]) -> SegmentEntries {
    SegmentEntries {
        tags: tagged.iter().map(|&(tag, _)| tag).collect(),
        keys: tagged.iter().map(|&(_, key)| key).collect(),
        offsets: (0..).map(|at| 8 + 100 * at).take(tagged.len()).collect(),
        sizes: vec![100; tagged.len()],
        size_bytes: 8 + 100 * tagged.len() as u64,
    }
}

fn from(entries: &SegmentEntries, stable: Option<u32>) -> Source<'_> {
    Source {
        segment: 5,
        entries,
        is_stable: stable.is_some_and(|stable| stable >= 5),
    }
}

const ANYWHERE: Target = Target {
    segment: 9,
    offset: 8,
    limit: 1 << 40,
    most: 1 << 40,
    is_new: false,
};

#[test]
fn a_stretch_ends_where_a_segment_is_full_or_much_was_gathered_or_the_manifest_comes() {
    let entries = entries(&[
        (PUT, id(1)),
        (PUT, id(2)),
        (PUT, MANIFEST),
        (PUT, id(3)),
        (PUT, id(4)),
        (PUT, id(5)),
    ]);
    let stretch = |start, to: Target| {
        let index = RepositoryIndex::new(0).unwrap();
        for (key, &offset) in entries.keys.iter().zip(&entries.offsets) {
            index.lock().set(key, 5, offset).unwrap();
        }
        let mut shadows = ShadowIndex::default();
        let moved = MovedEntries::of(&from(&entries, Some(5)), start, &to, &mut index.lock(), &mut shadows).unwrap();
        assert_eq!(moved.len() as u64, moved.puts);
        for at in 0..entries.len() {
            let is_moved = (start..start + moved.len()).contains(&at);
            let new_offset = to.offset + 100 * at.saturating_sub(start) as u64;
            let expected = if is_moved {
                (9, new_offset as u32)
            } else {
                (5, entries.offsets[at])
            };
            assert_eq!(index.lock().get(&entries.keys[at]), Some(expected));
        }
        (moved.stop, moved.needs_segment)
    };
    assert_eq!(stretch(0, ANYWHERE), (2, true));
    assert_eq!(stretch(2, ANYWHERE), (2, true));
    let begun = || Target {
        is_new: true,
        ..ANYWHERE
    };
    assert_eq!(stretch(2, begun()), (6, false));
    // The last entry may begin exactly at the limit.
    assert_eq!(stretch(2, Target { limit: 208, ..begun() }), (5, true));
    assert_eq!(stretch(2, Target { limit: 207, ..begun() }), (4, true));
    assert_eq!(stretch(2, Target { most: 300, ..begun() }), (5, false));
    assert_eq!(stretch(2, Target { most: 299, ..begun() }), (4, false));
    let full = Target {
        offset: 900,
        limit: 300,
        ..ANYWHERE
    };
    assert_eq!(stretch(3, full), (3, true));
    // One goes into any new segment, and one is always read.
    assert_eq!(stretch(3, Target { limit: 0, ..ANYWHERE }), (4, true));
    assert_eq!(stretch(3, Target { most: 1, ..ANYWHERE }), (4, false));
    assert_eq!(stretch(6, ANYWHERE), (6, false));
}

#[test]
fn a_delete_is_kept_as_long_as_a_put_may_come_back() {
    for (shadowed, stable, kept) in [
        (None, Some(9), true),
        (Some(vec![]), Some(9), false),
        (Some(vec![4]), Some(9), true),
        (Some(vec![5, 6]), Some(9), false),
        (Some(vec![6, 4]), Some(9), true),
        (Some(vec![]), Some(5), false),
        (Some(vec![]), Some(4), true),
        (Some(vec![]), None, true),
    ] {
        let index = RepositoryIndex::new(0).unwrap();
        let mut shadows = ShadowIndex::default();
        if let Some(segments) = &shadowed {
            shadows.add_many(&[id(1)], 77);
            shadows.forget_put(&id(1), 77);
            segments.iter().for_each(|&segment| shadows.add_many(&[id(1)], segment));
        }
        let entries = entries(&[(DELETE, id(1)), (COMMIT, MANIFEST)]);
        let moved = MovedEntries::of(&from(&entries, stable), 0, &ANYWHERE, &mut index.lock(), &mut shadows).unwrap();
        assert_eq!(moved.delete_bytes, if kept { 100 } else { 0 }, "{shadowed:?} {stable:?}");
        assert_eq!((moved.len(), moved.stop), (usize::from(kept), 2));
        let gone = !kept && shadowed == Some(vec![]);
        assert_eq!(shadows.get(&id(1)).is_none(), gone || shadowed.is_none());
    }
}

#[test]
fn the_put_and_the_delete_of_one_segment_go_together() {
    let index = RepositoryIndex::new(0).unwrap();
    let mut shadows = ShadowIndex::default();
    shadows.add_many(&[id(1)], 5);
    let entries = entries(&[(PUT, id(1)), (DELETE, id(1))]);
    let moved = MovedEntries::of(&from(&entries, Some(5)), 0, &ANYWHERE, &mut index.lock(), &mut shadows).unwrap();
    assert_eq!((moved.len(), moved.puts, moved.superseded_bytes), (0, 0, 100));
    assert!(shadows.is_empty());
}

#[test]
fn shadows_keep_their_order_when_some_are_forgotten() {
    let mut shadows = ShadowIndex::default();
    shadows.add_many(&[id(3), id(1), id(2)], 7);
    shadows.forget_put(&id(1), 7);
    shadows.forget_if_empty(&id(1));
    shadows.forget_if_empty(&id(2));
    shadows.add_many(&[id(1), id(3)], 300);
    shadows.forget_after(299);
    let saved = shadows.save();
    let mut expected = vec![0x83, 0xda, 0, 32];
    expected.extend(id(3));
    expected.extend([0x91, 7, 0xda, 0, 32]);
    expected.extend(id(2));
    expected.extend([0x91, 7, 0xda, 0, 32]);
    expected.extend(id(1));
    expected.push(0x90);
    assert_eq!(&saved[..], expected);
    assert_eq!(&ShadowIndex::load(&saved).unwrap().save()[..], expected);
}

#[test]
fn what_is_no_shadow_index_is_refused() {
    for data in [
        &b""[..],
        b"\x80\x00",
        b"\x81\xa3abc\x90",
        b"\x90",
        b"\xdf\xff\xff\xff\xff",
        b"\x81",
    ] {
        assert!(ShadowIndex::load(data).is_err(), "{data:?}");
    }
    let mut negative = vec![0x81, 0xda, 0, 32];
    negative.extend(id(1));
    negative.extend([0x91, 0xff]);
    assert!(ShadowIndex::load(&negative).is_err());
}
