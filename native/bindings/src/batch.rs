//! `ItemOptions`, `OwnerNames`, `HardLinks`, `FileBatch`.

use std::os::fd::IntoRawFd;
use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::batch::{self, FilesChanged};
use vinculum_kernels::locks::lock;
use vinculum_kernels::memory::Shared;

use crate::chunking::{ChunkBatch, ChunkList, Chunker};
use crate::errors::IntoPython;
use crate::files_cache::FilesCache;
use crate::hashing::IdHasher;
use crate::index::ChunkIndex;
use crate::memory::Bytes;
use crate::scanning::DirectoryListing;
use crate::sys::Descriptor;

#[pyclass(frozen, module = "vinculum._native")]
pub struct ItemOptions(batch::ItemOptions);

#[pymethods]
impl ItemOptions {
    #[new]
    #[pyo3(signature = (*, numeric_ids = false, atime = false, ctime = true, birthtime = true, flags = true, acls = true,
                        xattrs = true, read_special = false, files_changed = "ctime", sparse = false))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        numeric_ids: bool,
        atime: bool,
        ctime: bool,
        birthtime: bool,
        flags: bool,
        acls: bool,
        xattrs: bool,
        read_special: bool,
        files_changed: &str,
        sparse: bool,
    ) -> PyResult<Self> {
        // Archives made on Linux hold no birth times, whatever is asked for.
        let _ = birthtime;
        let files_changed = match files_changed {
            "ctime" => FilesChanged::Ctime,
            "mtime" => FilesChanged::Mtime,
            "disabled" => FilesChanged::Disabled,
            _ => {
                return Err(PyValueError::new_err(format!(
                    "{files_changed:?} is none of ctime, mtime, disabled"
                )));
            }
        };
        Ok(Self(batch::ItemOptions {
            numeric_ids,
            atime,
            ctime,
            flags,
            acls,
            xattrs,
            read_special,
            files_changed,
            sparse,
        }))
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct OwnerNames(batch::OwnerNames);

#[pymethods]
impl OwnerNames {
    #[new]
    fn new() -> Self {
        Self(batch::OwnerNames::default())
    }

    fn set_user(&self, uid: u32, name: Option<Vec<u8>>) {
        self.0.set_user(uid, name);
    }

    fn set_group(&self, gid: u32, name: Option<Vec<u8>>) {
        self.0.set_group(gid, name);
    }

    fn unknown(&self, py: Python<'_>, batch: &FileBatch) -> (Vec<u32>, Vec<u32>) {
        py.detach(|| self.0.unknown(&batch.lock()))
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct HardLinks(Arc<batch::HardLinks>);

#[pymethods]
impl HardLinks {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct FileBatch(Mutex<batch::FileBatch>);

impl FileBatch {
    pub fn lock(&self) -> MutexGuard<'_, batch::FileBatch> {
        lock(&self.0)
    }
}

#[pymethods]
impl FileBatch {
    #[new]
    #[pyo3(signature = (options, *, max_entries = usize::MAX, max_bytes = u64::MAX, max_listings = usize::MAX))]
    fn new(options: &ItemOptions, max_entries: usize, max_bytes: u64, max_listings: usize) -> Self {
        let limits = batch::Limits {
            entries: max_entries,
            size_bytes: max_bytes,
            listings: max_listings,
        };
        Self(Mutex::new(batch::FileBatch::new(options.0, limits)))
    }

    fn add(&self, listing: &DirectoryListing, start: usize, stop: usize) -> usize {
        self.lock().add(&listing.0, start..stop)
    }

    fn __len__(&self) -> usize {
        self.lock().len()
    }

    #[getter]
    fn is_full(&self) -> bool {
        self.lock().is_full()
    }

    fn link(&self, py: Python<'_>, links: &HardLinks) {
        py.detach(|| self.lock().link(&links.0));
    }

    #[pyo3(name = "match")]
    fn match_cache(&self, py: Python<'_>, cache: &FilesCache, chunks: &ChunkIndex, hasher: &IdHasher, cwd: &[u8]) {
        py.detach(|| self.lock().match_cache(&cache.0, &chunks.0, hasher.hasher(), cwd));
    }

    fn read(&self, py: Python<'_>, chunker: &Chunker, hasher: &IdHasher, max_file_bytes: u64) {
        py.detach(|| self.lock().read(&chunker.0, &hasher.0, max_file_bytes));
    }

    fn large(&self) -> Vec<usize> {
        self.lock().large()
    }

    fn bereft(&self) -> Vec<usize> {
        self.lock().bereft()
    }

    fn may_wait(&self, index: usize) -> PyResult<bool> {
        self.lock().may_wait(index).into_python()
    }

    fn open_large(&self, py: Python<'_>, index: usize) -> PyResult<i32> {
        py.detach(|| {
            let file = self.lock().large_file(index)?;
            file.open()
        })
        .into_python()
        .map(IntoRawFd::into_raw_fd)
    }

    fn end_large(&self, py: Python<'_>, index: usize, fd: Descriptor) -> PyResult<()> {
        py.detach(|| self.lock().end_large(index, fd.borrow())).into_python()
    }

    fn finish_large(&self, index: usize, chunks: &ChunkList) -> PyResult<()> {
        let chunks = chunks.read().clone();
        self.lock().finish_large(index, chunks).into_python()
    }

    fn fail_large(&self, index: usize, errno: i32, was_opened: bool) -> PyResult<()> {
        self.lock().fail_large(index, errno, was_opened).into_python()
    }

    fn failures<'py>(&self, py: Python<'py>) -> Vec<(usize, Bound<'py, PyBytes>, i32, &'static str)> {
        let failures = self.lock().failures().into_iter();
        let wrap = |(index, path, failure): (usize, Vec<u8>, batch::Failure)| {
            (index, PyBytes::new(py, &path), failure.errno, failure.operation)
        };
        failures.map(wrap).collect()
    }

    fn unreadable_attributes<'py>(&self, py: Python<'py>) -> Vec<(usize, Bound<'py, PyBytes>, i32)> {
        let unreadable = self.lock().unreadable_attributes().into_iter();
        let wrap = |(index, name, errno): (usize, Vec<u8>, i32)| (index, PyBytes::new(py, &name), errno);
        unreadable.map(wrap).collect()
    }

    #[pyo3(signature = (chunks, start = 0, stop = usize::MAX))]
    fn claim(&self, py: Python<'_>, chunks: &ChunkIndex, start: usize, stop: usize) -> PyResult<ChunkBatch> {
        let claimed = py.detach(|| self.lock().claim(&chunks.0, start, stop));
        claimed.into_python().map(ChunkBatch::from)
    }

    fn encode(&self, py: Python<'_>, start: usize, stop: usize, owners: &OwnerNames, chunks: &ChunkIndex) -> PyResult<Bytes> {
        let encoded = py
            .detach(|| self.lock().encode(start, stop, &owners.0, &chunks.0))
            .into_python()?;
        Ok(Bytes(Shared::from(encoded)))
    }

    fn part(
        &self,
        py: Python<'_>,
        index: usize,
        number: u64,
        chunks: &ChunkList,
        owners: &OwnerNames,
        index_of_chunks: &ChunkIndex,
    ) -> PyResult<Bytes> {
        let chunks = chunks.read().clone();
        let encoded = py
            .detach(|| self.lock().part(index, number, &chunks, &owners.0, &index_of_chunks.0))
            .into_python()?;
        Ok(Bytes(Shared::from(encoded)))
    }

    fn statuses<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.lock().statuses())
    }

    fn was_known(&self, index: usize) -> PyResult<bool> {
        self.lock().was_known(index).into_python()
    }

    fn reasons<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.lock().reasons())
    }

    fn changed(&self) -> Vec<(usize, char)> {
        let changed = self.lock().changed().into_iter();
        changed.map(|(index, letter)| (index, char::from(letter))).collect()
    }

    fn paths<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.lock().paths().iter().map(|path| PyBytes::new(py, path)).collect()
    }

    fn totals(&self) -> (u64, u64, u64) {
        self.lock().totals()
    }

    fn path<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyBytes>> {
        let path = self.lock().path(index).into_python()?;
        Ok(PyBytes::new(py, &path))
    }

    fn memorize(&self, py: Python<'_>, cache: &FilesCache) {
        py.detach(|| self.lock().memorize(&cache.0));
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemOptions>()?;
    module.add_class::<OwnerNames>()?;
    module.add_class::<HardLinks>()?;
    module.add_class::<FileBatch>()
}
