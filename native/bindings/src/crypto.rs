//! `aes256_ctr`, `Sealer`, `SealedBatch`, `Opener`, and what it opens in the background.

use std::sync::{Arc, Mutex};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::Id;
use vinculum_kernels::crypto::{self, Cipher};
use vinculum_kernels::errors::Result;
use vinculum_kernels::items;
use vinculum_kernels::locks::lock;
use vinculum_kernels::memory::Shared;

use crate::background::ToCome;
use crate::chunking::ChunkBatch;
use crate::compression::Compressor;
use crate::errors::IntoPython;
use crate::hashing::IdHasher;
use crate::ids::{Ids, OneId, joined};
use crate::memory::{Blob, Bytes, detach_if_large};
use crate::references::ReferencesToCome;
use crate::survey::{Damage, DamageToCome, ItemRules};

#[pyfunction]
fn aes256_ctr<'py>(py: Python<'py>, key: &[u8], counter: &[u8], data: Blob) -> PyResult<Bound<'py, PyBytes>> {
    detach_if_large(py, data.len(), || crypto::aes256_ctr(key, counter, &data))
        .map(|output| PyBytes::new(py, &output))
        .into_python()
}

#[pyclass(frozen, module = "vinculum._native")]
struct Sealer(Arc<crypto::Sealer>);

#[pymethods]
impl Sealer {
    #[new]
    fn new(type_byte: u8, cipher: &str, enc_key: &[u8], mac_key: &[u8], compressor: &Compressor) -> PyResult<Self> {
        let cipher = Cipher::new(cipher, enc_key, mac_key).into_python()?;
        let sealer = crypto::Sealer::new(type_byte, cipher, compressor.0.clone());
        Ok(Self(Arc::new(sealer)))
    }

    fn counters(&self, chunks: &ChunkBatch) -> u64 {
        self.0.counters(chunks.get())
    }

    fn seal(&self, py: Python<'_>, chunks: &ChunkBatch, first_counter: u64) -> PyResult<SealedBatch> {
        py.detach(|| self.0.seal(chunks.get(), first_counter))
            .map(SealedBatch)
            .into_python()
    }

    fn begin(&self, py: Python<'_>, chunks: &ChunkBatch, first_counter: u64) -> PyResult<Sealing> {
        let sealing = py.detach(|| self.0.begin(chunks.get(), first_counter));
        sealing.map(|sealing| Sealing(Mutex::new(Some(sealing)))).into_python()
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct Sealing(Mutex<Option<crypto::Sealing>>);

#[pymethods]
impl Sealing {
    fn wait(&self, py: Python<'_>) -> PyResult<SealedBatch> {
        let sealing = lock(&self.0).take();
        let sealing = sealing.ok_or_else(|| PyValueError::new_err("this sealing has been waited for"))?;
        py.detach(|| sealing.wait()).map(SealedBatch).into_python()
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct SealedBatch(pub crypto::SealedBatch);

#[pymethods]
impl SealedBatch {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn ids<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        joined(py, self.0.ids())
    }

    fn sizes(&self) -> Vec<u32> {
        self.0.sizes().collect()
    }

    fn object(&self, index: usize) -> PyResult<Bytes> {
        self.0
            .object(index)
            .map(Bytes)
            .ok_or_else(|| PyValueError::new_err(format!("no object {index} in a batch of {}", self.0.len())))
    }

    fn fit(&self, start: usize, offset: u64, limit: u64) -> usize {
        self.0.fit(start, offset, limit)
    }

    fn entries(&self, start: usize, stop: usize) -> Vec<Bytes> {
        self.0.entries(start, stop).into_iter().map(Bytes).collect()
    }

    fn offsets(&self, start: usize, stop: usize, offset: u64) -> Vec<u64> {
        self.0.offsets(start, stop, offset)
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct Opener(pub Arc<crypto::Opener>);

#[pymethods]
impl Opener {
    #[new]
    fn new(type_bytes: &[u8], cipher: &str, enc_key: &[u8], mac_key: &[u8], hasher: Option<&IdHasher>) -> PyResult<Self> {
        let cipher = Cipher::new(cipher, enc_key, mac_key).into_python()?;
        let hasher = hasher.map(|hasher| hasher.hasher().clone());
        Ok(Self(Arc::new(crypto::Opener::new(type_bytes, cipher, hasher))))
    }

    fn open(&self, py: Python<'_>, stored: Blob, id: Option<OneId>) -> PyResult<Bytes> {
        py.detach(|| self.0.open(&stored, id.as_ref().map(|id| &id.0)))
            .map(Bytes)
            .into_python()
    }

    fn open_many(&self, py: Python<'_>, stored: Vec<Blob>, ids: Ids) -> PyResult<Vec<Bytes>> {
        let plains = py.detach(|| self.0.open_many(&slices(&stored), ids.as_slice()));
        Ok(plains.into_python()?.into_iter().map(Bytes).collect())
    }

    #[pyo3(signature = (stored, ids, rules=None))]
    fn find_references(&self, stored: Vec<Blob>, ids: Ids, rules: Option<&ItemRules>) -> ReferencesToCome {
        let rules = rules.map(|rules| Arc::clone(&rules.0));
        ReferencesToCome(begin(&self.0, stored, &ids, move |opener, objects, ids| {
            items::find_references(opener, objects, ids, rules.as_deref())
        }))
    }

    fn open_ahead(&self, stored: Vec<Blob>, ids: Ids) -> ChunksToCome {
        ChunksToCome(begin(&self.0, stored, &ids, |opener, objects, ids| {
            opener.open_many(objects, ids)
        }))
    }

    fn find_damage(&self, stored: Vec<Blob>, ids: Ids) -> DamageToCome {
        DamageToCome(begin(&self.0, stored, &ids, |opener, objects, ids| {
            let opened = opener.try_each(objects, ids, |_, _| ())?;
            let opened = opened.into_iter().enumerate();
            Ok(opened
                .filter_map(|(place, opened)| Some((place, opened.err()?.to_string())))
                .collect())
        }))
    }

    fn measure(&self, stored: Vec<Blob>, ids: Ids) -> SizesToCome {
        SizesToCome(begin(&self.0, stored, &ids, |opener, objects, ids| {
            opener.measure(objects, ids)
        }))
    }

    fn find_archives(&self, py: Python<'_>, stored: Vec<Blob>, ids: Ids) -> PyResult<(Vec<usize>, Damage)> {
        let found = py.detach(|| items::find_archives(&self.0, &slices(&stored), ids.as_slice()));
        found.into_python().map(|found| (found.archives, found.damaged))
    }

    fn open_batch(&self, stored: Vec<Blob>, ids: Ids) -> BatchToCome {
        BatchToCome(begin(&self.0, stored, &ids, |opener, objects, ids| {
            opener.open_batch(objects, ids)
        }))
    }

    fn packed_otherwise(
        &self,
        py: Python<'_>,
        stored: Vec<Blob>,
        chunks: &ChunkBatch,
        compressor: &Compressor,
    ) -> PyResult<ChunkBatch> {
        let others = py.detach(|| self.0.packed_otherwise(&slices(&stored), chunks.get(), &compressor.0));
        others.map(ChunkBatch::from).into_python()
    }
}

/// Begins to open stored objects in the background, and to make something of them.
pub fn begin<T: Send + 'static>(
    opener: &Arc<crypto::Opener>,
    stored: Vec<Blob>,
    ids: &Ids,
    work: impl FnOnce(&crypto::Opener, &[&[u8]], &[Id]) -> Result<T> + Send + 'static,
) -> ToCome<T> {
    let opener = Arc::clone(opener);
    let stored: Vec<Shared> = stored.into_iter().map(Blob::into_shared).collect();
    let ids = ids.as_slice().to_vec();
    let bytes = stored.iter().map(|object| object.len()).sum();
    ToCome::begin(bytes, move || {
        let objects: Vec<&[u8]> = stored.iter().map(|object| &**object).collect();
        work(&opener, &objects, &ids)
    })
}

/// Plaintexts of objects that are being opened in the background.
#[pyclass(frozen, module = "vinculum._native")]
struct ChunksToCome(ToCome<Vec<Shared>>);

#[pymethods]
impl ChunksToCome {
    fn wait(&self, py: Python<'_>) -> PyResult<Vec<Bytes>> {
        Ok(self.0.wait(py)?.into_iter().map(Bytes).collect())
    }
}

/// Objects that are being opened in the background, to be stored as chunks again.
#[pyclass(frozen, module = "vinculum._native")]
struct BatchToCome(ToCome<vinculum_kernels::chunking::ChunkBatch>);

#[pymethods]
impl BatchToCome {
    fn wait(&self, py: Python<'_>) -> PyResult<ChunkBatch> {
        self.0.wait(py).map(ChunkBatch::from)
    }
}

/// Sizes of plaintexts that are being opened in the background.
#[pyclass(frozen, module = "vinculum._native")]
struct SizesToCome(ToCome<Vec<usize>>);

#[pymethods]
impl SizesToCome {
    fn wait(&self, py: Python<'_>) -> PyResult<Vec<usize>> {
        self.0.wait(py)
    }
}

fn slices(objects: &[Blob]) -> Vec<&[u8]> {
    objects.iter().map(|object| &**object).collect()
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(aes256_ctr, module)?)?;
    module.add_class::<Sealer>()?;
    module.add_class::<Sealing>()?;
    module.add_class::<SealedBatch>()?;
    module.add_class::<ChunksToCome>()?;
    module.add_class::<BatchToCome>()?;
    module.add_class::<SizesToCome>()?;
    module.add_class::<Opener>()
}
