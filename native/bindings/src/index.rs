//! `RepositoryIndex`, `DiskOrder`, `Replay`, `ChunkIndex`, `Released`. Single lookups stay attached to Python unless the lock
//! is taken; batches detach.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::locks::lock;
use vinculum_kernels::{Id, index, items};

use crate::chunking::ChunkBatch;
use crate::crypto::SealedBatch;
use crate::errors::IntoPython;
use crate::ids::{Ids, OneId, joined, listed};
use crate::items::ItemStream;
use crate::memory::{Blob, Bytes};
use crate::references::ItemReferences;
use crate::segments::SegmentEntries;

/// Segment, ids, offsets, places in the list that was asked for.
type Located<'py> = (u32, Bound<'py, PyBytes>, Vec<u32>, Vec<usize>);

/// Id, position here, position there.
type Difference<'py> = (Bound<'py, PyBytes>, Option<(u32, u32)>, Option<(u32, u32)>);

#[pyclass(frozen, module = "vinculum._native")]
pub struct RepositoryIndex(pub index::RepositoryIndex);

impl RepositoryIndex {
    /// One short operation: detaching would cost more than it, but waiting for a batch must not hold up Python.
    fn quick<T: Send>(&self, py: Python<'_>, act: impl FnOnce(&mut index::RepositoryTable) -> T + Send) -> T {
        match self.0.try_lock() {
            Some(mut table) => act(&mut table),
            None => py.detach(|| act(&mut self.0.lock())),
        }
    }
}

#[pymethods]
impl RepositoryIndex {
    #[new]
    #[pyo3(signature = (capacity=0))]
    fn new(py: Python<'_>, capacity: usize) -> PyResult<Self> {
        py.detach(|| index::RepositoryIndex::new(capacity)).into_python().map(Self)
    }

    #[staticmethod]
    fn load(py: Python<'_>, data: Blob) -> PyResult<Self> {
        py.detach(|| index::RepositoryIndex::load(data.into_shared()))
            .into_python()
            .map(Self)
    }

    fn save(&self, py: Python<'_>) -> Bytes {
        Bytes(py.detach(|| self.0.lock().save()))
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.quick(py, |table| table.len())
    }

    fn __contains__(&self, py: Python<'_>, id: OneId) -> bool {
        self.quick(py, |table| table.get(&id.0).is_some())
    }

    fn get(&self, py: Python<'_>, id: OneId) -> Option<(u32, u32)> {
        self.quick(py, |table| table.get(&id.0))
    }

    fn set(&self, py: Python<'_>, id: OneId, segment: u32, offset: u32) -> PyResult<()> {
        self.quick(py, |table| table.set(&id.0, segment, offset)).into_python()
    }

    fn pop(&self, py: Python<'_>, id: OneId) -> PyResult<Option<(u32, u32)>> {
        self.quick(py, |table| table.pop(&id.0)).into_python()
    }

    fn set_many(&self, py: Python<'_>, ids: Ids, segment: u32, offsets: Vec<u32>) -> PyResult<()> {
        py.detach(|| self.0.lock().set_many(ids.as_slice(), segment, &offsets))
            .into_python()
    }

    fn get_many(&self, py: Python<'_>, ids: Ids) -> Vec<Option<(u32, u32)>> {
        py.detach(|| self.0.lock().get_many(ids.as_slice()))
    }

    fn locate<'py>(&self, py: Python<'py>, ids: Ids) -> PyResult<Vec<Located<'py>>> {
        let located = py.detach(|| self.0.lock().locate(ids.as_slice())).into_python()?;
        let groups = located.into_iter();
        Ok(groups
            .map(|group| (group.segment, joined(py, &group.ids), group.offsets, group.places))
            .collect())
    }

    fn known<'py>(&self, py: Python<'py>, ids: Ids) -> Bound<'py, PyBytes> {
        let known = py.detach(|| self.0.lock().known(ids.as_slice()));
        joined(py, &known)
    }

    fn remove_many(&self, py: Python<'_>, ids: Ids) -> PyResult<()> {
        py.detach(|| self.0.lock().remove_many(ids.as_slice())).into_python()
    }

    #[pyo3(signature = (marker=None, limit=None))]
    fn ids<'py>(&self, py: Python<'py>, marker: Option<OneId>, limit: Option<usize>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let ids = py
            .detach(|| self.0.lock().ids(marker.as_ref().map(|id| &id.0), limit))
            .into_python()?;
        Ok(listed(py, &ids))
    }

    fn in_disk_order(&self, py: Python<'_>) -> DiskOrder {
        DiskOrder(Mutex::new(py.detach(|| self.0.lock().in_disk_order())))
    }

    fn differences<'py>(&self, py: Python<'py>, other: &Self) -> Vec<Difference<'py>> {
        let found = py.detach(|| {
            let mut other = other.0.lock().clone();
            self.0.lock().differences(&mut other)
        });
        found
            .into_iter()
            .map(|(id, here, there)| (PyBytes::new(py, &id), here, there))
            .collect()
    }

    fn replay(&self, py: Python<'_>, entries: &SegmentEntries, segment: u32) -> PyResult<Replay> {
        py.detach(|| self.0.lock().replay(&entries.0, segment))
            .into_python()
            .map(Replay)
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct DiskOrder(Mutex<index::DiskOrder>);

#[pymethods]
impl DiskOrder {
    fn next<'py>(&self, py: Python<'py>, most_bytes: u32) -> Option<(u32, Bound<'py, PyBytes>, Vec<u32>)> {
        let mut order = lock(&self.0);
        let entries = order.next(most_bytes);
        let segment = entries.first()?.0;
        let ids: Vec<Id> = entries.iter().map(|&(_, _, id)| id).collect();
        let offsets = entries.iter().map(|&(_, offset, _)| offset).collect();
        Some((segment, joined(py, &ids), offsets))
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct Replay(index::Replay);

type Changes<'py> = Vec<(Bound<'py, PyBytes>, u32, u32)>;

#[pymethods]
impl Replay {
    #[getter]
    fn puts(&self) -> u64 {
        self.0.puts
    }

    #[getter]
    fn put_bytes(&self) -> u64 {
        self.0.put_bytes
    }

    #[getter]
    fn superseded<'py>(&self, py: Python<'py>) -> Changes<'py> {
        changes(py, &self.0.superseded)
    }

    #[getter]
    fn deleted<'py>(&self, py: Python<'py>) -> Changes<'py> {
        changes(py, &self.0.deleted)
    }
}

fn changes<'py>(py: Python<'py>, changes: &[(Id, u32, u32)]) -> Changes<'py> {
    changes
        .iter()
        .map(|(id, first, second)| (PyBytes::new(py, id), *first, *second))
        .collect()
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct ChunkIndex(pub index::ChunkIndex);

impl ChunkIndex {
    /// As for `RepositoryIndex`.
    fn quick<T: Send>(&self, py: Python<'_>, act: impl FnOnce(&mut index::ChunkTable) -> T + Send) -> T {
        match self.0.try_lock() {
            Some(mut table) => act(&mut table),
            None => py.detach(|| act(&mut self.0.lock())),
        }
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct Released {
    released: index::Released,
    damage: Option<String>,
}

#[pymethods]
impl Released {
    #[getter]
    fn orphans<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        joined(py, &self.released.orphans)
    }

    #[getter]
    fn size(&self) -> u64 {
        self.released.size
    }

    #[getter]
    fn csize(&self) -> u64 {
        self.released.csize
    }

    #[getter]
    fn freed(&self) -> u64 {
        self.released.freed
    }

    #[getter]
    fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }
}

pub type UsageTuple = (u64, u64, u64, u64, u64, u64);

pub fn usage_tuple(usage: index::Usage) -> UsageTuple {
    (
        usage.size,
        usage.csize,
        usage.unique_size,
        usage.unique_csize,
        usage.unique_chunks,
        usage.chunks,
    )
}

#[pymethods]
impl ChunkIndex {
    #[new]
    #[pyo3(signature = (capacity=0))]
    fn new(py: Python<'_>, capacity: usize) -> PyResult<Self> {
        py.detach(|| index::ChunkIndex::new(capacity)).into_python().map(Self)
    }

    #[staticmethod]
    fn load(py: Python<'_>, data: Blob) -> PyResult<Self> {
        py.detach(|| index::ChunkIndex::load(data.into_shared()))
            .into_python()
            .map(Self)
    }

    fn save(&self, py: Python<'_>) -> Bytes {
        Bytes(py.detach(|| self.0.lock().save()))
    }

    fn save_compact(&self, py: Python<'_>) -> Bytes {
        Bytes(py.detach(|| self.0.lock().save_compact()))
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.quick(py, |table| table.len())
    }

    fn __contains__(&self, py: Python<'_>, id: OneId) -> bool {
        self.quick(py, |table| table.get(&id.0).is_some())
    }

    fn get(&self, py: Python<'_>, id: OneId) -> Option<(u32, u32, u32)> {
        self.quick(py, |table| table.get(&id.0))
    }

    fn set(&self, py: Python<'_>, id: OneId, refcount: u32, size: u32, csize: u32) -> PyResult<()> {
        self.quick(py, |table| table.insert(id.0, refcount, size, csize))
            .into_python()
    }

    fn add(&self, py: Python<'_>, id: OneId, refcount: u32, size: u32, csize: u32) -> PyResult<u32> {
        self.quick(py, |table| table.add(&id.0, refcount, size, csize)).into_python()
    }

    fn remove_references<'py>(&self, py: Python<'py>, ids: Ids) -> PyResult<Bound<'py, PyBytes>> {
        let removed = py.detach(|| self.0.lock().remove_references(ids.as_slice())).into_python()?;
        Ok(joined(py, &removed))
    }

    fn add_references(&self, py: Python<'_>, ids: Ids) -> PyResult<()> {
        py.detach(|| self.0.lock().add_references(ids.as_slice())).into_python()
    }

    fn assume(&self, py: Python<'_>, ids: Ids) -> PyResult<()> {
        py.detach(|| self.0.lock().assume(ids.as_slice())).into_python()
    }

    fn csizes(&self, py: Python<'_>, ids: Ids) -> PyResult<Vec<u32>> {
        py.detach(|| self.0.lock().csizes(ids.as_slice())).into_python()
    }

    fn missing<'py>(&self, py: Python<'py>, ids: Ids) -> Bound<'py, PyBytes> {
        let missing = py.detach(|| self.0.lock().missing(ids.as_slice()));
        PyBytes::new(py, &missing)
    }

    fn claim(&self, py: Python<'_>, chunks: &ChunkBatch) -> PyResult<ChunkBatch> {
        py.detach(|| self.0.claim(chunks.get())).into_python().map(ChunkBatch::from)
    }

    fn settle(&self, py: Python<'_>, sealed: &SealedBatch) -> PyResult<()> {
        py.detach(|| self.0.settle(&sealed.0)).into_python()
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        py.detach(|| {
            let other = other.0.snapshot();
            self.0.lock().merge(&other)
        })
        .into_python()
    }

    fn count_items(&self, py: Python<'_>, stream: &ItemStream, data: Blob) -> PyResult<()> {
        py.detach(|| items::count_items(&mut stream.lock(), &data, &mut self.0.lock()))
            .into_python()
    }

    fn release(&self, py: Python<'_>, ids: Ids) -> PyResult<Released> {
        let mut released = index::Released::default();
        py.detach(|| self.0.lock().release(ids.as_slice(), true, &mut released))
            .into_python()?;
        Ok(Released { released, damage: None })
    }

    fn release_items(&self, py: Python<'_>, stream: &ItemStream, data: Blob, with_parts: bool) -> PyResult<Released> {
        let (released, damage) = py
            .detach(|| items::release_items(&mut stream.lock(), &data, &mut self.0.lock(), with_parts))
            .into_python()?;
        Ok(Released { released, damage })
    }

    fn release_references(
        &self,
        py: Python<'_>,
        stream: &ItemStream,
        chunks: Vec<Py<ItemReferences>>,
        with_parts: bool,
    ) -> PyResult<(Released, usize)> {
        let (released, taken) = py
            .detach(|| {
                let chunks = chunks.iter().map(|chunk| &*chunk.get().0);
                items::release_references(&mut stream.lock(), chunks, &mut self.0.lock(), with_parts)
            })
            .into_python()?;
        Ok((Released { released, damage: None }, taken))
    }

    fn usage(&self, py: Python<'_>) -> UsageTuple {
        usage_tuple(py.detach(|| self.0.snapshot().usage()))
    }

    fn unsized_ids<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let ids = py.detach(|| self.0.lock().unsized_ids());
        joined(py, &ids)
    }

    fn ids<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let ids = py.detach(|| self.0.lock().ids());
        listed(py, &ids)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RepositoryIndex>()?;
    module.add_class::<DiskOrder>()?;
    module.add_class::<Replay>()?;
    module.add_class::<Released>()?;
    module.add_class::<ChunkIndex>()
}
