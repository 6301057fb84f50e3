//! What Python cannot reach: lookups and recording happen inside batches.

use super::*;

const PATH: Id = [1; 32];
const OTHER: Id = [2; 32];
const CHUNKS: [Id; 2] = [[8; 32], [9; 32]];

fn cache(mode: &str) -> FilesCache {
    FilesCache::new(mode, 20).expect("a valid mode")
}

/// What a later run would load.
fn next_run(cache: &FilesCache, mode: &str) -> FilesCache {
    let next = self::cache(mode);
    next.load(&cache.save()).expect("own records");
    next
}

/// The file changed last is not kept: now it is this one.
fn read_a_newer_file(cache: &FilesCache) {
    cache.known().memorize(&[3; 32], 9, 1, 7000, &[]);
}

fn unchanged(cache: &FilesCache, path_hash: &Id, inode: u64, size: u64, cmtime: i64) -> Option<Vec<Id>> {
    match cache.known().compare(path_hash, inode, size, cmtime) {
        Compared::Unchanged(ids) => Some(ids.to_vec()),
        Compared::Unasked | Compared::Unknown | Compared::Changed(_) => None,
    }
}

#[test]
fn each_mode_compares_exactly_its_attributes() {
    for (mode, inode, size, time) in [
        ("cis", true, true, true),
        ("mis", true, true, true),
        ("cs", false, true, true),
        ("ms", false, true, true),
        ("s", false, true, false),
    ] {
        let cache = cache(mode);
        cache.known().memorize(&PATH, 7, 100, 5000, &CHUNKS);
        assert_eq!(unchanged(&cache, &PATH, 7, 100, 5000), Some(CHUNKS.to_vec()), "{mode}");
        assert_eq!(unchanged(&cache, &PATH, 7, 101, 5000).is_none(), size, "{mode}");
        assert_eq!(unchanged(&cache, &PATH, 7, 100, 5001).is_none(), time, "{mode}");
        assert_eq!(unchanged(&cache, &PATH, 8, 100, 5000).is_none(), inode, "{mode}");
        assert_eq!(unchanged(&cache, &OTHER, 7, 100, 5000), None, "{mode}");
    }
}

#[test]
fn it_is_told_what_differs() {
    let cache = cache("cis");
    cache.known().memorize(&PATH, 7, 100, 5000, &CHUNKS);
    for (inode, size, time, difference) in [
        (7, 101, 5000, Difference::Size),
        (8, 100, 5000, Difference::Inode),
        (7, 100, 5001, Difference::Ctime),
        (8, 101, 5001, Difference::Size),
    ] {
        assert_eq!(cache.known().compare(&PATH, inode, size, time), Compared::Changed(difference));
    }
}

#[test]
fn modes_that_make_no_sense_are_refused() {
    for mode in ["", "x", "cm", "cmis", "ci", "c"] {
        assert!(matches!(FilesCache::new(mode, 20), Err(Error::Value(_))), "{mode}");
    }
}

#[test]
fn rechunk_records_but_knows_nothing() {
    let cache = cache("cr");
    cache.known().memorize(&PATH, 7, 100, 5000, &CHUNKS);
    assert_eq!(cache.known().lookup(&PATH), None);
    assert_eq!(unchanged(&cache, &PATH, 7, 100, 5000), None);
    assert_eq!(cache.len(), 1);
    assert_eq!(cache.clock(), Clock::Ctime);
}

#[test]
fn disabled_records_nothing() {
    let full = cache("cis");
    full.known().memorize(&PATH, 7, 100, 5000, &CHUNKS);
    read_a_newer_file(&full);
    let disabled = cache("d");
    disabled.load(&full.save()).expect("own records");
    disabled.known().memorize(&OTHER, 7, 100, 5000, &CHUNKS);
    assert_eq!((disabled.len(), disabled.known().lookup(&PATH)), (0, None));
    assert!(disabled.save().is_empty());
}

#[test]
fn files_changed_last_are_not_kept() {
    let cache = cache("cis");
    cache.known().memorize(&PATH, 7, 100, 5000, &CHUNKS);
    cache.known().memorize(&OTHER, 8, 100, 5001, &CHUNKS[..1]);
    let next = next_run(&cache, "cis");
    let record = Record {
        age: 1,
        inode: 7,
        size: 100,
        cmtime: 5000,
        ids: CHUNKS.to_vec(),
    };
    assert_eq!(next.known().lookup(&PATH), Some(record));
    assert_eq!(next.known().lookup(&OTHER), None);
}

#[test]
fn unchanged_files_stay_young_and_get_their_new_inode() {
    let first = cache("ms");
    first.known().memorize(&PATH, 7, 100, 5000, &CHUNKS);
    read_a_newer_file(&first);
    let second = next_run(&first, "ms");
    assert!(unchanged(&second, &PATH, 70, 100, 5000).is_some());
    let record = second.known().lookup(&PATH).expect("known");
    assert_eq!((record.age, record.inode), (0, 70));
    assert_eq!(second.len(), 1);
    // Reading an older file must not push out what was merely found unchanged, unless it is the newest.
    second.known().memorize(&OTHER, 8, 1, 5000, &[]);
    assert_eq!(next_run(&second, "ms").known().lookup(&PATH), None);
    second.known().memorize(&OTHER, 8, 1, 5001, &[]);
    assert!(next_run(&second, "ms").known().lookup(&PATH).is_some());
}

#[test]
fn a_changed_file_replaces_its_record_in_its_place() {
    let cache = cache("cis");
    cache.known().memorize(&PATH, 7, 100, 5000, &CHUNKS);
    cache.known().memorize(&OTHER, 8, 100, 5000, &CHUNKS);
    cache.known().memorize(&PATH, 7, 101, 6000, &CHUNKS[..1]);
    read_a_newer_file(&cache);
    let saved = cache.save();
    assert_eq!(saved[4..36], PATH);
    let record = cache.known().lookup(&PATH).expect("known");
    assert_eq!((record.size, record.ids), (101, CHUNKS[..1].to_vec()));
}

#[test]
fn times_out_of_range_count_as_its_ends() {
    let cache = cache("cis");
    cache.known().memorize(&PATH, 7, 100, -5, &CHUNKS);
    assert!(unchanged(&cache, &PATH, 7, 100, i64::MIN).is_some());
    assert_eq!(cache.known().lookup(&PATH).map(|record| record.cmtime), Some(0));
    cache.known().memorize(&OTHER, 7, 100, i64::MAX, &CHUNKS);
    assert_eq!(
        cache.known().lookup(&OTHER).map(|record| record.cmtime),
        Some(2_147_310_847_000_000_000)
    );
}

#[test]
fn many_records_are_all_found_again() {
    let cache = cache("cis");
    let path = |number: u64| {
        let mut path = [0; 32];
        // Few different beginnings, so that probing has to walk.
        path[..8].copy_from_slice(&(number % 100).to_le_bytes());
        path[8..16].copy_from_slice(&number.to_le_bytes());
        path
    };
    for number in 0..5000 {
        cache.known().memorize(&path(number), number, number, 5000, &CHUNKS);
    }
    for number in 0..5000 {
        assert_eq!(cache.known().lookup(&path(number)).map(|record| record.inode), Some(number));
    }
    assert_eq!(cache.known().lookup(&path(5000)), None);
}
