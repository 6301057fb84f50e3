//! `Item`, `ItemStream`, `encode_item`, `encode_items`.

use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt};
use vinculum_kernels::chunking;
use vinculum_kernels::items::{self, Field, ItemFrames, Value, Xattrs};
use vinculum_kernels::locks::lock;
use vinculum_kernels::memory::Shared;

use crate::chunking::ChunkList;
use crate::memory::Bytes;

#[pyclass(frozen, module = "vinculum._native")]
pub struct Item(pub Arc<items::Item>);

type MaybeBytes<'py> = Option<Bound<'py, PyBytes>>;

fn bytes<'py>(py: Python<'py>, value: Option<&Vec<u8>>) -> MaybeBytes<'py> {
    value.map(|value| PyBytes::new(py, value))
}

fn chunk_list(list: Option<&chunking::ChunkList>) -> Option<ChunkList> {
    list.map(|list| ChunkList::wrap(list.clone()))
}

impl Item {
    pub fn new(item: items::Item) -> Self {
        Self(Arc::new(item))
    }
}

#[pymethods]
impl Item {
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.path)
    }

    #[getter]
    fn mode(&self) -> i64 {
        self.0.mode.unwrap_or_default()
    }

    #[getter]
    fn uid(&self) -> Option<i64> {
        self.0.uid
    }

    #[getter]
    fn gid(&self) -> Option<i64> {
        self.0.gid
    }

    #[getter]
    fn user<'py>(&self, py: Python<'py>) -> MaybeBytes<'py> {
        bytes(py, self.0.user.as_ref()?.as_ref())
    }

    #[getter]
    fn group<'py>(&self, py: Python<'py>) -> MaybeBytes<'py> {
        bytes(py, self.0.group.as_ref()?.as_ref())
    }

    #[getter]
    fn mtime(&self) -> i128 {
        self.0.mtime.unwrap_or_default()
    }

    #[getter]
    fn atime(&self) -> Option<i128> {
        self.0.atime
    }

    #[getter]
    fn ctime(&self) -> Option<i128> {
        self.0.ctime
    }

    #[getter]
    fn birthtime(&self) -> Option<i128> {
        self.0.birthtime
    }

    #[getter]
    fn size(&self) -> Option<u64> {
        self.0.size
    }

    #[getter]
    fn source<'py>(&self, py: Python<'py>) -> MaybeBytes<'py> {
        bytes(py, self.0.source.as_ref())
    }

    #[getter]
    fn rdev(&self) -> Option<u64> {
        self.0.rdev
    }

    #[getter]
    fn hardlink_master(&self) -> bool {
        self.0.hardlink_master.unwrap_or(true)
    }

    #[getter]
    fn content_bytes(&self) -> u64 {
        self.0.chunks.as_ref().map_or(0, chunking::ChunkList::size_bytes)
    }

    #[getter]
    fn chunks(&self) -> Option<ChunkList> {
        chunk_list(self.0.chunks.as_ref())
    }

    #[getter]
    fn chunks_healthy(&self) -> Option<ChunkList> {
        chunk_list(self.0.chunks_healthy.as_ref())
    }

    #[getter]
    fn xattrs<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(xattrs) = &self.0.xattrs else { return Ok(None) };
        let dict = PyDict::new(py);
        for (name, value) in xattrs {
            dict.set_item(PyBytes::new(py, name), bytes(py, value.as_ref()))?;
        }
        Ok(Some(dict))
    }

    #[getter]
    fn acl_access<'py>(&self, py: Python<'py>) -> MaybeBytes<'py> {
        bytes(py, self.0.acl_access.as_ref())
    }

    #[getter]
    fn acl_default<'py>(&self, py: Python<'py>) -> MaybeBytes<'py> {
        bytes(py, self.0.acl_default.as_ref())
    }

    #[getter]
    fn bsdflags(&self) -> Option<i64> {
        self.0.bsdflags
    }

    #[getter]
    fn part(&self) -> Option<i64> {
        self.0.part
    }

    #[pyo3(signature = (chunks, healthy))]
    fn with_content(&self, chunks: &ChunkList, healthy: Option<PyRef<'_, ChunkList>>) -> Self {
        let healthy = healthy.map(|list| list.read().clone());
        Self::new(self.0.with_content(chunks.read().clone(), healthy))
    }

    fn with_chunks(&self, chunks: &ChunkList, is_cut_alike: bool) -> Self {
        Self::new(self.0.with_chunks(chunks.read().clone(), is_cut_alike))
    }

    fn linked_to(&self, source: Vec<u8>) -> Self {
        Self::new(self.0.linked_to(source))
    }

    fn in_place_of(&self, first: &Self) -> Self {
        Self::new(self.0.in_place_of(&first.0))
    }

    fn as_part(&self, number: i64, chunks: &ChunkList) -> Self {
        Self::new(self.0.as_part(number, chunks.read().clone()))
    }

    fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        self.0.encode(&mut out);
        Bytes(Shared::from(out))
    }
}

#[pyfunction]
fn encode_items(py: Python<'_>, items: Vec<Py<Item>>) -> Bytes {
    let items: Vec<&items::Item> = items.iter().map(|item| &*item.get().0).collect();
    Bytes(py.detach(|| {
        let mut out = Vec::new();
        items.into_iter().for_each(|item| item.encode(&mut out));
        Shared::from(out)
    }))
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct ItemStream(Mutex<ItemFrames>);

impl ItemStream {
    pub fn lock(&self) -> MutexGuard<'_, ItemFrames> {
        lock(&self.0)
    }
}

#[pymethods]
impl ItemStream {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    #[getter]
    fn is_between_items(&self) -> bool {
        self.lock().is_between_items()
    }
}

/// A value of `encode_item`'s dictionary, owned by Rust where it has no Rust form that could be borrowed.
enum Extracted<'a> {
    Plain(Value<'a>),
    Xattrs(Xattrs),
}

fn extract<'a>(key: &str, value: &'a Bound<'_, PyAny>) -> PyResult<Extracted<'a>> {
    let plain = if value.is_none() {
        Value::Nil
    } else if let Ok(flag) = value.cast::<PyBool>() {
        Value::Bool(flag.is_true())
    } else if value.is_instance_of::<PyInt>() {
        if key.ends_with("time") {
            Value::Time(value.extract()?)
        } else if value.lt(0)? {
            Value::Int(value.extract()?)
        } else {
            Value::Uint(value.extract()?)
        }
    } else if let Ok(raw) = value.cast::<PyBytes>() {
        Value::Raw(raw.as_bytes())
    } else if let Ok(dict) = value.cast::<PyDict>() {
        let pairs = dict.iter().map(|(name, value)| Ok((name.extract()?, value.extract()?)));
        return pairs.collect::<PyResult<Xattrs>>().map(Extracted::Xattrs);
    } else {
        return Err(PyTypeError::new_err("an item field is an int, bytes, bool, None or a dict"));
    };
    Ok(Extracted::Plain(plain))
}

#[pyfunction]
fn encode_item(fields: &Bound<'_, PyDict>, chunks: Option<PyRef<'_, ChunkList>>) -> PyResult<Bytes> {
    let given: Vec<(String, Bound<'_, PyAny>)> = fields
        .iter()
        .map(|(key, value)| Ok((key.extract()?, value)))
        .collect::<PyResult<_>>()?;
    let values: Vec<Extracted> = given
        .iter()
        .map(|(key, value)| extract(key, value))
        .collect::<PyResult<_>>()?;
    let list = chunks.as_ref().map(|list| list.read());
    let mut packed: Vec<Field> = Vec::with_capacity(given.len() + 1);
    for ((key, _), value) in given.iter().zip(&values) {
        if key == "chunks" {
            return Err(PyValueError::new_err("chunks are given as a list of their own"));
        }
        let value = match value {
            Extracted::Plain(value) => *value,
            Extracted::Xattrs(xattrs) => Value::Xattrs(xattrs),
        };
        packed.push((key.as_bytes(), value));
    }
    if let Some(list) = &list {
        packed.push((
            b"chunks",
            Value::Chunks {
                ids: &list.ids,
                sizes: &list.sizes,
                csizes: &list.csizes,
            },
        ));
    }
    let mut out = Vec::new();
    items::write_map(&mut out, &mut packed);
    Ok(Bytes(Shared::from(out)))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Item>()?;
    module.add_class::<ItemStream>()?;
    module.add_function(wrap_pyfunction!(encode_items, module)?)?;
    module.add_function(wrap_pyfunction!(encode_item, module)?)
}
