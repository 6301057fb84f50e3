//! Brings together the items of two archives that have one path, and keeps those that are not equal.
//!
//! Both archives stream by, item by item. An item waits only as long as the other archive has not shown its path, so two
//! backups of one tree need little memory for it; first links are remembered, as later links have their content there.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::errors::{Error, Result};
use crate::items::{Item, ItemWindow};
use crate::modes;
use crate::msgpack::Reader;

use super::sameness::{Standard, Verdict};

type Packed = Arc<[u8]>;
type Path = Box<[u8]>;

/// An item as each of the archives has it, if it has it.
type Pair = [Option<Packed>; 2];

const OLD: usize = 0;
const NEW: usize = 1;

/// Items that are not equal: at least not as far as can be told without reading content.
pub struct Unequal {
    pub path: Vec<u8>,
    pub old: Option<Item>,
    pub new: Option<Item>,
    /// Equal after all if the content is, which is of one size but cut differently.
    pub depends_on_content: bool,
}

/// Path and source of a link whose first link is in neither archive.
pub type LostLink = (Vec<u8>, Vec<u8>);

/// One comparison of two archives. Used by one thread.
pub struct ItemPairing {
    standard: Standard,
    /// What links may refer to.
    first_links: HashMap<Path, Pair>,
    /// Seen in the old, in the new archive alone; with the order in which they came.
    waiting: [HashMap<Path, (u64, Packed)>; 2],
    /// Links that came before what they refer to.
    deferred: Vec<Pair>,
    arrivals: u64,
    rest: Option<VecDeque<Rest>>,
}

/// What can only be compared when everything has been seen.
enum Rest {
    Alone(Path, usize, Packed),
    Deferred(Pair),
}

impl ItemPairing {
    pub fn new(standard: Standard) -> Self {
        Self {
            standard,
            first_links: HashMap::new(),
            waiting: Default::default(),
            deferred: Vec::new(),
            arrivals: 0,
            rest: None,
        }
    }

    /// Goes on in both archives, whose windows have equally many items unless one of the archives has ended.
    pub fn meet(&mut self, old: &ItemWindow, new: &ItemWindow) -> Result<Vec<Unequal>> {
        let standard = self.standard;
        let both = old.len().min(new.len());
        // Most are the same and in step: finding that out needs no order.
        let settled = old.map_runs(|places| {
            let places = places.take_while(|&place| place < both);
            let settled = places.map(|place| is_settled(standard, old.packed(place), new.packed(place)));
            settled.collect::<Result<Vec<bool>>>()
        })?;
        let mut found = Vec::new();
        for (place, is_settled) in settled.into_iter().flatten().enumerate() {
            if !is_settled {
                self.step(old.packed(place), new.packed(place), &mut found)?;
            }
        }
        for (side, window) in [(OLD, old), (NEW, new)] {
            for place in both..window.len() {
                let packed = window.packed(place);
                self.take(side, Glance::parse(packed)?.path, packed.into(), &mut found)?;
            }
        }
        Ok(found)
    }

    /// At the end: about `most` of what only one archive has or what could not be compared before, and links that nobody can
    /// compare. Nothing is left where nothing is returned.
    pub fn rest(&mut self, most: usize) -> Result<(Vec<Unequal>, Vec<LostLink>)> {
        let mut rest = self.rest.take().unwrap_or_else(|| self.all_rest());
        let (mut found, mut lost) = (Vec::new(), Vec::new());
        while found.len() + lost.len() < most
            && let Some(next) = rest.pop_front()
        {
            match next {
                Rest::Alone(path, side, packed) => {
                    let mut pair = [None, None];
                    pair[side] = Some(packed);
                    self.note(&path, &pair)?;
                    self.compare(&path, &pair, &mut found)?;
                }
                Rest::Deferred(pair) => {
                    let before = lost.len();
                    for packed in pair.iter().flatten() {
                        let glance = Glance::parse(packed)?;
                        if let Some(source) = glance.refers_to()
                            && self.lacks(source)
                        {
                            lost.push((glance.path.to_vec(), source.to_vec()));
                        }
                    }
                    if lost.len() == before
                        && let Some(old) = &pair[OLD]
                    {
                        self.compare(Glance::parse(old)?.path, &pair, &mut found)?;
                    }
                }
            }
        }
        self.rest = Some(rest);
        Ok((found, lost))
    }

    /// What is new, then what is gone, each in the order of its archive, then the links.
    fn all_rest(&mut self) -> VecDeque<Rest> {
        let mut rest = VecDeque::new();
        for side in [NEW, OLD] {
            let mut alone: Vec<_> = std::mem::take(&mut self.waiting[side]).into_iter().collect();
            alone.sort_unstable_by_key(|(_, (arrival, _))| *arrival);
            rest.extend(alone.into_iter().map(|(path, (_, packed))| Rest::Alone(path, side, packed)));
        }
        rest.extend(std::mem::take(&mut self.deferred).into_iter().map(Rest::Deferred));
        rest
    }

    /// Items that came at the same time.
    fn step(&mut self, old: &[u8], new: &[u8], found: &mut Vec<Unequal>) -> Result<()> {
        let (old_path, new_path) = (Glance::parse(old)?.path, Glance::parse(new)?.path);
        let kept: Packed = old.into();
        if old_path == new_path {
            // What is the same needs to be remembered only once.
            let other = if old == new { kept.clone() } else { new.into() };
            self.bring_together(old_path, [Some(kept), Some(other)], found)
        } else {
            self.take(OLD, old_path, kept, found)?;
            self.take(NEW, new_path, new.into(), found)
        }
    }

    /// An item of one archive, whose partner may have come before or be still to come.
    fn take(&mut self, side: usize, path: &[u8], packed: Packed, found: &mut Vec<Unequal>) -> Result<()> {
        if let Some((_, partner)) = self.waiting[1 - side].remove(path) {
            let mut pair = [Some(partner.clone()), Some(partner)];
            pair[side] = Some(packed);
            return self.bring_together(path, pair, found);
        }
        self.arrivals += 1;
        let place = self.waiting[side]
            .entry(path.into())
            .or_insert((self.arrivals, packed.clone()));
        // An archive may have a path twice: the last one counts, where the first one was.
        place.1 = packed;
        Ok(())
    }

    fn bring_together(&mut self, path: &[u8], pair: Pair, found: &mut Vec<Unequal>) -> Result<()> {
        self.note(path, &pair)?;
        for packed in pair.iter().flatten() {
            if let Some(source) = Glance::parse(packed)?.refers_to()
                && self.lacks(source)
            {
                self.deferred.push(pair);
                return Ok(());
            }
        }
        self.compare(path, &pair, found)
    }

    fn note(&mut self, path: &[u8], pair: &Pair) -> Result<()> {
        for packed in pair.iter().flatten() {
            if Glance::parse(packed)?.is_first_link() {
                self.first_links.insert(path.into(), pair.clone());
                break;
            }
        }
        Ok(())
    }

    fn lacks(&self, source: &[u8]) -> bool {
        !self.first_links.contains_key(source)
    }

    fn compare(&self, path: &[u8], pair: &Pair, found: &mut Vec<Unequal>) -> Result<()> {
        let (old, new) = (self.content(pair, OLD)?, self.content(pair, NEW)?);
        let verdict = match (&old, &new) {
            (Some(old), Some(new)) => self.standard.compare(old, new)?,
            (None, None) => Verdict::Same,
            _ => Verdict::Different,
        };
        if verdict != Verdict::Same {
            let item = |packed: Option<Packed>| packed.map(|packed| Item::parse(&packed)).transpose();
            found.push(Unequal {
                path: path.to_vec(),
                old: item(old)?,
                new: item(new)?,
                depends_on_content: verdict == Verdict::SameIfContentIs,
            });
        }
        Ok(())
    }

    /// The item itself or, for a hard link, the one of the same archive that it refers to.
    fn content(&self, pair: &Pair, side: usize) -> Result<Option<Packed>> {
        let Some(packed) = &pair[side] else { return Ok(None) };
        let first = match Glance::parse(packed)?.refers_to() {
            Some(source) => self.first_links.get(source),
            None => None,
        };
        Ok(first.map_or_else(|| Some(packed.clone()), |first| first[side].clone()))
    }
}

/// Whether items that came at the same time are equal and of no importance for any other.
fn is_settled(standard: Standard, old: &[u8], new: &[u8]) -> Result<bool> {
    let glance = Glance::parse(old)?;
    if !glance.stands_alone() {
        return Ok(false);
    }
    if old != new {
        let other = Glance::parse(new)?;
        if other.path != glance.path || !other.stands_alone() {
            return Ok(false);
        }
    }
    Ok(standard.compare(old, new)? == Verdict::Same)
}

/// What says whether items belong together, found without looking at the rest.
struct Glance<'a> {
    path: &'a [u8],
    mode: i128,
    source: Option<&'a [u8]>,
    has_more_links: bool,
}

impl<'a> Glance<'a> {
    fn parse(packed: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(packed);
        let (mut path, mut mode, mut source, mut has_more_links) = (None, 0, None, true);
        for _ in 0..reader.map()? {
            match reader.raw()? {
                b"path" => path = Some(reader.raw()?),
                b"mode" => mode = reader.int()?,
                b"source" if !reader.nil()? => source = Some(reader.raw()?),
                b"hardlink_master" if !reader.nil()? => has_more_links = reader.bool()?,
                b"source" | b"hardlink_master" => {}
                _ => {
                    reader.skip()?;
                }
            }
        }
        let path = path.ok_or_else(|| Error::integrity("an item has no path"))?;
        Ok(Self {
            path,
            mode,
            source,
            has_more_links,
        })
    }

    /// Files, devices and fifos: what may have several links.
    fn is_linkable(&self) -> bool {
        modes::is_linkable(modes::kind(self.mode as i64))
    }

    /// The path that a later link refers to.
    fn refers_to(&self) -> Option<&'a [u8]> {
        self.source.filter(|_| self.is_linkable())
    }

    fn is_first_link(&self) -> bool {
        self.source.is_none() && self.has_more_links && self.is_linkable()
    }

    fn stands_alone(&self) -> bool {
        self.refers_to().is_none() && !self.is_first_link()
    }
}
