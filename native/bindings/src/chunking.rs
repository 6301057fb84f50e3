//! `Chunker`, `ChunkBatch`, `ChunkList`, `FileReader`, `StreamChunker`.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use vinculum_kernels::chunking::{self, ChunkerParams};
use vinculum_kernels::locks::lock;
use vinculum_kernels::memory::Shared;

use crate::errors::IntoPython;
use crate::hashing::IdHasher;
use crate::ids::{Ids, joined};
use crate::memory::{Blob, Bytes};
use crate::sys::Descriptor;

struct Params(ChunkerParams);

impl<'a, 'py> FromPyObject<'a, 'py> for Params {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let wrong = || PyValueError::new_err("chunker parameters are neither (buzhash, 4 numbers) nor (fixed, 2 numbers)");
        let tuple = object.cast::<PyTuple>()?;
        let algorithm: String = tuple.get_item(0).and_then(|name| name.extract()).map_err(|_| wrong())?;
        let number = |index: usize| -> PyResult<u32> {
            let item = tuple.get_item(index).map_err(|_| wrong())?;
            item.extract()
                .map_err(|_| PyValueError::new_err(format!("{item} is no such chunker parameter")))
        };
        match (algorithm.as_str(), tuple.len()) {
            ("buzhash", 5) => Ok(Self(ChunkerParams::Buzhash {
                min_exp: number(1)?,
                max_exp: number(2)?,
                mask_bits: number(3)?,
                window: number(4)? as usize,
            })),
            ("fixed", 3) => Ok(Self(ChunkerParams::Fixed {
                block: number(1)? as usize,
                header: number(2)? as usize,
            })),
            _ => Err(wrong()),
        }
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct Chunker(pub chunking::Chunker);

#[pymethods]
impl Chunker {
    #[new]
    fn new(params: Params, seed: i32) -> PyResult<Self> {
        chunking::Chunker::new(params.0, seed).map(Self).into_python()
    }

    fn cut(&self, py: Python<'_>, data: Blob) -> Vec<usize> {
        py.detach(|| self.0.cut(&data))
    }

    fn recut(
        &self,
        py: Python<'_>,
        chunks: &ChunkBatch,
        counts: Vec<usize>,
        hasher: &IdHasher,
    ) -> PyResult<(ChunkBatch, Vec<usize>)> {
        let (chunks, counts) = py
            .detach(|| chunking::recut(&self.0, hasher.hasher(), chunks.get(), &counts))
            .into_python()?;
        Ok((ChunkBatch::from(chunks), counts))
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct ChunkBatch {
    len: usize,
    size_bytes: usize,
    cuts: Mutex<Option<chunking::Cuts>>,
    chunks: OnceLock<chunking::ChunkBatch>,
}

impl ChunkBatch {
    /// The chunks with their ids, which may have to be computed first.
    pub fn get(&self) -> &chunking::ChunkBatch {
        let identify = || lock(&self.cuts).take().map(chunking::Cuts::identified).unwrap_or_default();
        self.chunks.get_or_init(identify)
    }
}

impl From<chunking::Cuts> for ChunkBatch {
    fn from(cuts: chunking::Cuts) -> Self {
        Self {
            len: cuts.len(),
            size_bytes: cuts.size_bytes(),
            cuts: Mutex::new(Some(cuts)),
            chunks: OnceLock::new(),
        }
    }
}

impl From<chunking::ChunkBatch> for ChunkBatch {
    fn from(chunks: chunking::ChunkBatch) -> Self {
        Self {
            len: chunks.len(),
            size_bytes: chunks.size_bytes(),
            cuts: Mutex::new(None),
            chunks: OnceLock::from(chunks),
        }
    }
}

#[pymethods]
impl ChunkBatch {
    #[staticmethod]
    fn of(py: Python<'_>, buffers: Vec<Blob>, hasher: &IdHasher) -> Self {
        let hasher = hasher.hasher();
        let chunks = py.detach(|| {
            let buffers: Vec<Shared> = buffers.into_iter().map(Blob::into_shared).collect();
            chunking::ChunkBatch::of(buffers, hasher)
        });
        Self::from(chunks)
    }

    fn __len__(&self) -> usize {
        self.len
    }

    #[getter]
    fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    fn ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let chunks = &py.detach(|| self.get()).chunks;
        PyBytes::new_with(py, chunks.len() * 32, |out| {
            for (chunk, id) in chunks.iter().zip(out.chunks_exact_mut(32)) {
                id.copy_from_slice(&chunk.id);
            }
            Ok(())
        })
    }

    fn sizes(&self, py: Python<'_>) -> Vec<usize> {
        let chunks = &py.detach(|| self.get()).chunks;
        chunks.iter().map(|chunk| chunk.data.len()).collect()
    }

    fn without(&self, py: Python<'_>, other: &Self) -> Self {
        Self::from(py.detach(|| self.get().without(other.get())))
    }

    fn data(&self, py: Python<'_>, index: usize) -> PyResult<Bytes> {
        let chunks = &py.detach(|| self.get()).chunks;
        chunks
            .get(index)
            .map(|chunk| Bytes(chunk.data.clone()))
            .ok_or_else(|| PyValueError::new_err(format!("no chunk {index} in a batch of {}", self.len)))
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct ChunkList(RwLock<chunking::ChunkList>);

impl ChunkList {
    pub fn wrap(list: chunking::ChunkList) -> Self {
        Self(RwLock::new(list))
    }

    pub fn read(&self) -> RwLockReadGuard<'_, chunking::ChunkList> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl ChunkList {
    #[new]
    fn new() -> Self {
        Self::wrap(chunking::ChunkList::default())
    }

    #[staticmethod]
    fn of(ids: Ids, sizes: Vec<u32>, csizes: Vec<u32>) -> PyResult<Self> {
        chunking::ChunkList::new(ids.as_slice().to_vec(), sizes, csizes)
            .map(Self::wrap)
            .into_python()
    }

    fn extend(&self, py: Python<'_>, chunks: &ChunkBatch) -> PyResult<()> {
        let chunks = py.detach(|| chunks.get());
        let mut list = self.0.write().unwrap_or_else(PoisonError::into_inner);
        list.extend(chunks).into_python()
    }

    fn __len__(&self) -> usize {
        self.read().len()
    }

    #[getter]
    fn size_bytes(&self) -> u64 {
        self.read().size_bytes()
    }

    #[getter]
    fn csize_bytes(&self) -> u64 {
        self.read().csize_bytes()
    }

    fn ids<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        joined(py, &self.read().ids)
    }

    fn sizes(&self) -> Vec<u32> {
        self.read().sizes.clone()
    }

    fn csizes(&self) -> Vec<u32> {
        self.read().csizes.clone()
    }

    fn part(&self, start: usize, stop: usize) -> Self {
        Self::wrap(self.read().part(start, stop))
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct FileReader {
    fd: Descriptor,
    reader: Mutex<chunking::FileReader>,
}

#[pymethods]
impl FileReader {
    #[new]
    #[pyo3(signature = (fd, chunker, hasher, sparse = false))]
    fn new(fd: Descriptor, chunker: &Chunker, hasher: &IdHasher, sparse: bool) -> Self {
        let reader = chunking::FileReader::new(chunker.0.clone(), Arc::clone(&hasher.0), sparse);
        Self {
            fd,
            reader: Mutex::new(reader),
        }
    }

    fn read(&self, py: Python<'_>, batch_bytes: usize) -> PyResult<ChunkBatch> {
        loop {
            if let Some(chunks) = self.read_some(py, batch_bytes)? {
                return Ok(chunks);
            }
            py.check_signals()?;
        }
    }

    fn read_some(&self, py: Python<'_>, batch_bytes: usize) -> PyResult<Option<ChunkBatch>> {
        let chunks = py.detach(|| lock(&self.reader).read(self.fd.borrow(), batch_bytes));
        Ok(chunks.into_python()?.map(ChunkBatch::from))
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct StreamChunker(Mutex<chunking::StreamChunker>);

#[pymethods]
impl StreamChunker {
    #[new]
    fn new(chunker: &Chunker, hasher: &IdHasher) -> Self {
        Self(Mutex::new(chunking::StreamChunker::new(
            chunker.0.clone(),
            hasher.hasher().clone(),
        )))
    }

    fn feed(&self, py: Python<'_>, data: Blob) -> ChunkBatch {
        py.detach(|| lock(&self.0).feed(&data)).into()
    }

    fn feed_batch(&self, py: Python<'_>, batch: &ChunkBatch) -> ChunkBatch {
        py.detach(|| lock(&self.0).feed_batch(batch.get())).into()
    }

    fn finish(&self, py: Python<'_>) -> ChunkBatch {
        py.detach(|| lock(&self.0).finish()).into()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Chunker>()?;
    module.add_class::<ChunkBatch>()?;
    module.add_class::<ChunkList>()?;
    module.add_class::<FileReader>()?;
    module.add_class::<StreamChunker>()
}
