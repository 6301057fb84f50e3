//! The open-addressing table of an index file, kept in memory exactly as it lies on disk.
//!
//! ```text
//! magic 8 "BORG_IDX" | num_entries i32le | num_buckets i32le | key_size i8 = 32 | value_size i8
//! num_buckets * (key 32, value)      the first u32le of a value: ffffffff empty, feffffff deleted, else used
//! ```
//!
//! Growth, tombstones and the reshuffling by lookups follow Borg's policy, so that equal histories give equal bytes.
//! The memory is copied on write only: `load` adopts the bytes of a file and `save` shares them.

use std::hint::black_box;
use std::sync::Arc;

use crate::Id;
use crate::errors::{Error, Result};
use crate::memory::Shared;

/// So many lookups begin before the first of them is needed. The processor then waits for their memory once, not for each.
pub const AHEAD: usize = 32;

/// The largest usable first number of a value; the numbers above are markers or reserved.
pub const MAX_VALUE: u32 = 4_294_966_271;

const MAGIC: &[u8; 8] = b"BORG_IDX";
const HEADER: usize = 18;
const KEY: usize = 32;
const EMPTY: u32 = 0xffff_ffff;
const DELETED: u32 = 0xffff_fffe;

/// The bucket counts that tables are created with.
const SIZES: [usize; 58] = [
    1031, 2053, 4099, 8209, 16411, 32771, 65537, 131101, 262147, 445649, 757607, 1287917, 2189459, 3065243, 4291319, 6007867,
    8410991, 11775359, 16485527, 23079703, 27695653, 33234787, 39881729, 47858071, 57429683, 68915617, 82698751, 99238507,
    119086189, 144378011, 157223263, 173476439, 190253911, 209915011, 230493629, 253169431, 278728861, 306647623, 337318939,
    370742809, 408229973, 449387209, 493428073, 543105119, 596976533, 657794869, 722676499, 795815791, 874066969, 962279771,
    1057701643, 1164002657, 1280003147, 1407800297, 1548442699, 1703765389, 1873768367, 2062383853,
];

/// The step of `SIZES` that a table of `buckets` belongs to; foreign tables may have any size.
fn step(buckets: usize) -> usize {
    SIZES.partition_point(|&size| size < buckets)
}

/// Below this number of empty buckets probing gets too long and the table is rebuilt.
fn least_empty(buckets: usize) -> usize {
    // Borg computes it in floating point, and 1.0 - 0.93 is a little less than 0.07.
    let spare = (buckets as f64 * (1.0 - 0.93)) as usize;
    1 + spare
}

/// Where a key is or would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    Found(usize),
    /// The bucket to insert it into; None if the table has no free bucket at all. Valid until the table changes.
    Free(Option<usize>),
}

/// Keys of 32 bytes to values of `V` bytes.
#[derive(Clone, Debug)]
pub struct Table<const V: usize> {
    memory: Arc<Vec<u8>>,
    buckets: usize,
    entries: usize,
    empty: usize,
}

impl<const V: usize> Table<V> {
    /// An empty table that holds `capacity` buckets or more.
    pub fn with_capacity(capacity: usize) -> Result<Self> {
        match SIZES.get(step(capacity)) {
            Some(&buckets) => Ok(Self::with_buckets(buckets)),
            None => Err(Error::value(format!("no index can hold {capacity} buckets"))),
        }
    }

    fn with_buckets(buckets: usize) -> Self {
        let mut memory = Vec::with_capacity(HEADER + buckets * (KEY + V));
        memory.extend_from_slice(&header(0, buckets, V));
        let mut bucket = vec![0; KEY + V];
        bucket[KEY..KEY + 4].copy_from_slice(&EMPTY.to_le_bytes());
        for _ in 0..buckets {
            memory.extend_from_slice(&bucket);
        }
        Self {
            memory: Arc::new(memory),
            buckets,
            entries: 0,
            empty: buckets,
        }
    }

    /// The table in the bytes of an index file. A crowded one, such as the compact form, is rebuilt with room to probe.
    pub fn load(data: Shared) -> Result<Self> {
        let (entries, buckets) = parse_header(&data, V)?;
        let mut table = Self {
            memory: data.into_whole(),
            buckets,
            entries,
            empty: 0,
        };
        table.empty = table.check()?;
        if table.empty < least_empty(buckets) {
            table.resize(buckets)?;
        }
        Ok(table)
    }

    /// Verifies every bucket, so that each entry can be found by probing, and returns the number of empty ones.
    fn check(&self) -> Result<usize> {
        let (mut used, mut empty) = (0, 0);
        // How many buckets in a row before the current one are not empty, over the wrap-around if it matters.
        let mut run = (0..self.buckets)
            .rev()
            .take_while(|&bucket| self.marker(bucket) != EMPTY)
            .count();
        for bucket in 0..self.buckets {
            match self.marker(bucket) {
                EMPTY => {
                    empty += 1;
                    run = 0;
                    continue;
                }
                DELETED => {}
                value if value > MAX_VALUE => {
                    return Err(Error::integrity(format!(
                        "index: bucket {bucket} holds the reserved value {value}"
                    )));
                }
                _ => {
                    used += 1;
                    let home = self.home(self.key(bucket));
                    let distance = if bucket >= home {
                        bucket - home
                    } else {
                        bucket + self.buckets - home
                    };
                    if distance > run {
                        return Err(Error::integrity(format!(
                            "index: the entry in bucket {bucket} cannot be found by its key"
                        )));
                    }
                }
            }
            run += 1;
        }
        if used == self.entries {
            Ok(empty)
        } else {
            Err(Error::integrity(format!(
                "index: the header counts {} entries, but there are {used}",
                self.entries
            )))
        }
    }

    /// The bytes of the index file, sharing memory with the table until that changes.
    pub fn save(&self) -> Shared {
        Shared::from(Arc::clone(&self.memory))
    }

    /// The bytes of an index file without empty buckets.
    pub fn save_compact(&self) -> Shared {
        let mut bytes = Vec::with_capacity(HEADER + self.entries.max(1) * (KEY + V));
        bytes.extend_from_slice(&header(self.entries, self.entries.max(1), V));
        for bucket in self.used() {
            bytes.extend_from_slice(&self.memory[Self::start(bucket)..Self::start(bucket + 1)]);
        }
        if self.entries == 0 {
            bytes.extend_from_slice(&[0; KEY]);
            bytes.extend_from_slice(&EMPTY.to_le_bytes());
            bytes.resize(HEADER + KEY + V, 0);
        }
        Shared::from(bytes)
    }

    pub fn len(&self) -> usize {
        self.entries
    }

    /// The bucket of a key, None if there is none. Nothing moves.
    pub fn place(&self, id: &Id) -> Option<usize> {
        let home = self.home(id);
        for bucket in (home..self.buckets).chain(0..home) {
            match self.marker(bucket) {
                EMPTY => return None,
                DELETED => {}
                _ if self.key(bucket) == id => return Some(bucket),
                _ => {}
            }
        }
        None
    }

    /// How many buckets there are, used or not.
    pub fn buckets(&self) -> usize {
        self.buckets
    }

    /// Finds the bucket of a key. An entry found behind a deleted bucket moves into it, as Borg has it.
    pub fn find(&mut self, id: &Id) -> Slot {
        let mut bucket = self.home(id);
        let mut deleted = None;
        for _ in 0..self.buckets {
            match self.marker(bucket) {
                EMPTY => return Slot::Free(Some(deleted.unwrap_or(bucket))),
                DELETED => deleted = deleted.or(Some(bucket)),
                _ if self.key(bucket) == id => {
                    let Some(nearer) = deleted else { return Slot::Found(bucket) };
                    let memory = Arc::make_mut(&mut self.memory);
                    memory.copy_within(Self::start(bucket)..Self::start(bucket + 1), Self::start(nearer));
                    self.mark(bucket, DELETED);
                    return Slot::Found(nearer);
                }
                _ => {}
            }
            bucket += 1;
            if bucket == self.buckets {
                bucket = 0;
            }
        }
        Slot::Free(deleted)
    }

    /// Reads where these keys should be, which brings it nearer to the processor; the reads do not wait for each other.
    pub fn touch<'a>(&self, ids: impl Iterator<Item = &'a Id>) {
        let seen = ids.fold(0, |seen, id| {
            let bucket = self.home(id);
            seen ^ u32::from(self.memory[Self::start(bucket)]) ^ self.marker(bucket)
        });
        black_box(seen);
    }

    /// Inserts a key that `find` has just reported absent together with `free`.
    pub fn insert(&mut self, id: &Id, value: [u8; V], free: Option<usize>) -> Result<()> {
        let mut free = free;
        if self.entries > self.buckets * 3 / 4 {
            let size = SIZES.get(step(self.buckets) + 1).copied().unwrap_or(self.buckets);
            self.resize(size)?;
            free = self.free_for(id);
        }
        if free.is_some_and(|bucket| self.marker(bucket) == EMPTY) && self.empty <= least_empty(self.buckets) {
            self.resize(self.buckets)?;
            free = self.free_for(id);
        }
        let bucket = free.ok_or_else(|| Error::value("index: no bucket is left"))?;
        if self.marker(bucket) == EMPTY {
            self.empty -= 1;
        }
        let start = Self::start(bucket);
        let memory = Arc::make_mut(&mut self.memory);
        memory[start..start + KEY].copy_from_slice(id);
        memory[start + KEY..start + KEY + V].copy_from_slice(&value);
        self.count(self.entries + 1);
        Ok(())
    }

    fn free_for(&mut self, id: &Id) -> Option<usize> {
        match self.find(id) {
            Slot::Found(bucket) => Some(bucket),
            Slot::Free(free) => free,
        }
    }

    /// Inserts or overwrites.
    pub fn set(&mut self, id: &Id, value: [u8; V]) -> Result<()> {
        match self.find(id) {
            Slot::Found(bucket) => self.set_value(bucket, value),
            Slot::Free(free) => self.insert(id, value, free)?,
        }
        Ok(())
    }

    /// Removes the entry in a bucket that `find` has just returned.
    pub fn remove(&mut self, bucket: usize) -> Result<()> {
        self.mark(bucket, DELETED);
        self.count(self.entries - 1);
        if self.entries < self.buckets / 4 && self.buckets > SIZES[0] {
            self.resize(SIZES[step(self.buckets).saturating_sub(1)])?;
        }
        Ok(())
    }

    pub fn key(&self, bucket: usize) -> &Id {
        let start = Self::start(bucket);
        self.memory[start..].first_chunk().expect("a bucket lies inside the memory")
    }

    pub fn value(&self, bucket: usize) -> [u8; V] {
        let start = Self::start(bucket) + KEY;
        *self.memory[start..].first_chunk().expect("a bucket lies inside the memory")
    }

    pub fn set_value(&mut self, bucket: usize, value: [u8; V]) {
        let start = Self::start(bucket) + KEY;
        Arc::make_mut(&mut self.memory)[start..start + V].copy_from_slice(&value);
    }

    /// The used buckets in table order.
    pub fn used(&self) -> impl Iterator<Item = usize> + '_ {
        self.used_from(0)
    }

    /// The used buckets in table order, from this one on.
    pub fn used_from(&self, bucket: usize) -> impl Iterator<Item = usize> + '_ {
        (bucket..self.buckets).filter(|&bucket| self.marker(bucket) < DELETED)
    }

    /// Moves all entries, in table order, into a new table of at least this many buckets.
    fn resize(&mut self, buckets: usize) -> Result<()> {
        let mut fresh = Self::with_capacity(buckets)?;
        let mut used = self.used();
        let mut run = Vec::with_capacity(AHEAD);
        loop {
            run.clear();
            run.extend(used.by_ref().take(AHEAD));
            if run.is_empty() {
                break;
            }
            fresh.touch(run.iter().map(|&bucket| self.key(bucket)));
            for &bucket in &run {
                fresh.set(self.key(bucket), self.value(bucket))?;
            }
        }
        drop(used);
        *self = fresh;
        Ok(())
    }

    fn start(bucket: usize) -> usize {
        HEADER + bucket * (KEY + V)
    }

    fn home(&self, id: &Id) -> usize {
        // Bucket counts fit i32, and a division of 32 bits is the cheaper one.
        (u32::from_le_bytes([id[0], id[1], id[2], id[3]]) % self.buckets as u32) as usize
    }

    fn marker(&self, bucket: usize) -> u32 {
        read_u32(&self.memory, Self::start(bucket) + KEY)
    }

    fn mark(&mut self, bucket: usize, marker: u32) {
        let start = Self::start(bucket) + KEY;
        Arc::make_mut(&mut self.memory)[start..start + 4].copy_from_slice(&marker.to_le_bytes());
    }

    fn count(&mut self, entries: usize) {
        self.entries = entries;
        Arc::make_mut(&mut self.memory)[8..12].copy_from_slice(&(entries as u32).to_le_bytes());
    }
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn header(entries: usize, buckets: usize, value_size: usize) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&(entries as u32).to_le_bytes());
    header[12..16].copy_from_slice(&(buckets as u32).to_le_bytes());
    header[16] = KEY as u8;
    header[17] = value_size as u8;
    header
}

/// (entries, buckets) of a header that is consistent in itself and with the length of the file.
fn parse_header(data: &[u8], value_size: usize) -> Result<(usize, usize)> {
    let wrong = |what: String| Err(Error::integrity(format!("index: {what}")));
    if data.len() < HEADER {
        return wrong(format!("{} bytes are too short for a header", data.len()));
    }
    if &data[..8] != MAGIC {
        return wrong("this is not an index file (wrong magic)".into());
    }
    let (entries, buckets) = (read_u32(data, 8).cast_signed(), read_u32(data, 12).cast_signed());
    let (Ok(used), Ok(count)) = (usize::try_from(entries), usize::try_from(buckets)) else {
        return wrong(format!("{entries} entries in {buckets} buckets"));
    };
    if count == 0 || used > count {
        return wrong(format!("{entries} entries in {buckets} buckets"));
    }
    if (usize::from(data[16]), usize::from(data[17])) != (KEY, value_size) {
        return wrong(format!(
            "keys of {} and values of {} bytes instead of {KEY} and {value_size}",
            data[16], data[17]
        ));
    }
    let length = HEADER + count * (KEY + value_size);
    if data.len() != length {
        return wrong(format!("{} bytes instead of {length} for {count} buckets", data.len()));
    }
    Ok((used, count))
}
