//! `Restorer`, `RestoreBatch`, `RestoreToCome`, `ContentPlan`, `write_chunks`, `get_flags`, `set_flags`,
//! `acl_from_text`, `acl_names`.

use std::os::fd::IntoRawFd;
use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use vinculum_kernels::chunking::ChunkList;
use vinculum_kernels::items::OwnerIds;
use vinculum_kernels::items::acl::{self, Acl};
use vinculum_kernels::locks::lock;
use vinculum_kernels::memory::Shared;
use vinculum_kernels::restoring::{self, Action, Entry, Trouble, Wanted};

use crate::background::ToCome;
use crate::crypto::Opener;
use crate::errors::IntoPython;
use crate::ids::joined;
use crate::items::Item;
use crate::memory::{Blob, Bytes};
use crate::names::{Names, names};
use crate::sys::Descriptor;
use crate::windows::ItemWindow;

/// A file without content takes about as long to create as so many bytes to write.
const BYTES_OF_WORK: usize = 16 * 1024;

#[pyfunction]
fn write_chunks(py: Python<'_>, fd: Descriptor, chunks: Vec<PyRef<'_, Bytes>>, sparse: bool) -> PyResult<u64> {
    let chunks: Vec<Shared> = chunks.iter().map(|chunk| chunk.0.clone()).collect();
    py.detach(|| restoring::write_chunks(fd.borrow(), &chunks, sparse))
        .into_python()
}

#[pyfunction]
fn get_flags(py: Python<'_>, fd: Descriptor) -> PyResult<u32> {
    py.detach(|| restoring::get_flags(fd.borrow())).into_python()
}

#[pyfunction]
fn set_flags(py: Python<'_>, fd: Descriptor, flags: u32) -> PyResult<()> {
    py.detach(|| restoring::set_flags(fd.borrow(), flags)).into_python()
}

#[pyfunction]
fn acl_from_text<'py>(
    py: Python<'py>,
    text: &[u8],
    numeric_ids: bool,
    users: &Bound<'py, PyDict>,
    groups: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut ids = OwnerIds::default();
    if !numeric_ids {
        for (name, id) in users {
            ids.set_user(name.extract()?, id.extract()?);
        }
        for (name, id) in groups {
            ids.set_group(name.extract()?, id.extract()?);
        }
    }
    let acl = Acl::from_text(text, |named| ids.id(named)).into_python()?;
    Ok(PyBytes::new(py, &acl.to_xattr()))
}

#[pyfunction]
fn acl_names<'py>(py: Python<'py>, text: &[u8]) -> (Names<'py>, Names<'py>) {
    let (users, groups) = acl::names_in_text(text);
    (names(py, &users), names(py, &groups))
}

/// What went wrong as Python takes it: kind, a number that belongs to it, bytes that belong to it.
type Told<'py> = (&'static str, u64, Bound<'py, PyBytes>);

fn told(py: Python<'_>, trouble: Trouble) -> Told<'_> {
    let (kind, number, bytes) = match trouble {
        Trouble::Os(error) => ("os", error.into(), Vec::new()),
        Trouble::LeadsOut => ("path", 0, Vec::new()),
        Trouble::SymlinkParent => ("parent", 0, Vec::new()),
        Trouble::UnsafeLink => ("link", 0, Vec::new()),
        Trouble::UnknownKind(form) => ("kind", form.into(), Vec::new()),
        Trouble::Attribute(name, error) => ("attribute", error.into(), name),
        Trouble::Senseless(text) => ("senseless", 0, text.into_bytes()),
        Trouble::OtherSize(size) => ("size", size, Vec::new()),
        Trouble::Damaged => ("damaged", 0, Vec::new()),
    };
    (kind, number, PyBytes::new(py, &bytes))
}

#[pyclass(frozen, module = "vinculum._native")]
struct Restorer(Arc<restoring::Restorer>);

#[pymethods]
impl Restorer {
    #[new]
    #[pyo3(signature = (root, *, numeric_ids=false, acls=true, xattrs=true, flags=true, sparse=false))]
    fn new(root: Descriptor, numeric_ids: bool, acls: bool, xattrs: bool, flags: bool, sparse: bool) -> PyResult<Self> {
        let wanted = Wanted {
            numeric_ids,
            acls,
            xattrs,
            flags,
        };
        let restorer = restoring::Restorer::new(root.borrow(), wanted, sparse).into_python()?;
        Ok(Self(Arc::new(restorer)))
    }

    fn set_user(&self, name: Vec<u8>, uid: Option<u32>) {
        self.0.change_owners(|owners| owners.set_user(name, uid));
    }

    fn set_group(&self, name: Vec<u8>, gid: Option<u32>) {
        self.0.change_owners(|owners| owners.set_group(name, gid));
    }

    fn open_file<'py>(&self, py: Python<'py>, path: &[u8]) -> (Option<i32>, Option<Told<'py>>) {
        match py.detach(|| self.0.open_file(path)) {
            Ok(fd) => (Some(fd.into_raw_fd()), None),
            Err(trouble) => (None, Some(told(py, trouble))),
        }
    }

    fn finish_file<'py>(&self, py: Python<'py>, item: &Item, fd: Descriptor) -> Vec<Told<'py>> {
        let troubles = py.detach(|| self.0.finish_file(&item.0, fd.borrow()));
        troubles.into_iter().map(|trouble| told(py, trouble)).collect()
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct RestoreBatch(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    entries: Vec<Entry>,
    chunks: usize,
    bytes: u64,
}

impl RestoreBatch {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        lock(&self.0)
    }

    fn add(&self, action: Action, item: &Item, path: Vec<u8>) {
        let mut batch = self.lock();
        if let Action::WriteFile(count) = action {
            batch.chunks += count;
            batch.bytes += item.0.chunks.as_ref().map_or(0, ChunkList::size_bytes);
        }
        let item = Arc::clone(&item.0);
        batch.entries.push(Entry { action, path, item });
    }
}

#[pymethods]
impl RestoreBatch {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn __len__(&self) -> usize {
        self.lock().entries.len()
    }

    #[getter]
    fn chunk_count(&self) -> usize {
        self.lock().chunks
    }

    #[getter]
    fn content_bytes(&self) -> u64 {
        self.lock().bytes
    }

    fn make_directory(&self, item: &Item, path: Vec<u8>) {
        self.add(Action::MakeDirectory, item, path);
    }

    fn finish_directory(&self, item: &Item, path: Vec<u8>) {
        self.add(Action::FinishDirectory, item, path);
    }

    fn write_file(&self, item: &Item, path: Vec<u8>) {
        let count = item.0.chunks.as_ref().map_or(0, ChunkList::len);
        self.add(Action::WriteFile(count), item, path);
    }

    fn make_link(&self, item: &Item, source: Vec<u8>, path: Vec<u8>) {
        self.add(Action::MakeLink(source), item, path);
    }

    fn make_special(&self, item: &Item, path: Vec<u8>) {
        self.add(Action::MakeSpecial, item, path);
    }

    fn ids<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        joined(py, &restoring::content_ids(&self.lock().entries))
    }

    fn unknown_owners<'py>(&self, py: Python<'py>, restorer: &Restorer) -> (Names<'py>, Names<'py>) {
        let unknown = restorer.0.unknown_owners(&self.lock().entries);
        (names(py, &unknown.users), names(py, &unknown.groups))
    }

    fn begin(&self, stored: Vec<Blob>, opener: &Opener, restorer: Option<&Restorer>) -> RestoreToCome {
        let Entries { entries, bytes, .. } = std::mem::take(&mut *self.lock());
        let stored: Vec<Shared> = stored.into_iter().map(Blob::into_shared).collect();
        let opener = Arc::clone(&opener.0);
        let restorer = restorer.map(|restorer| Arc::clone(&restorer.0));
        // Files without content are work, too.
        let bytes = usize::try_from(bytes)
            .unwrap_or(usize::MAX)
            .max(entries.len() * BYTES_OF_WORK);
        RestoreToCome(ToCome::begin(bytes, move || {
            restoring::restore(restorer.as_deref(), &entries, &stored, &opener)
        }))
    }
}

/// A batch that is being restored in the background.
#[pyclass(frozen, module = "vinculum._native")]
struct RestoreToCome(ToCome<restoring::Troubles>);

#[pymethods]
impl RestoreToCome {
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Vec<(usize, Told<'py>)>> {
        let troubles = self.0.wait(py)?.into_iter();
        Ok(troubles.map(|(place, trouble)| (place, told(py, trouble))).collect())
    }
}

/// What a dry run reads of a window.
#[pyclass(frozen, module = "vinculum._native")]
struct ContentPlan(Mutex<restoring::ContentPlan>);

impl ContentPlan {
    fn lock(&self) -> MutexGuard<'_, restoring::ContentPlan> {
        lock(&self.0)
    }
}

#[pymethods]
impl ContentPlan {
    #[new]
    fn new(py: Python<'_>, window: &ItemWindow, strip: isize) -> PyResult<Self> {
        let plan = py.detach(|| restoring::ContentPlan::new(window.0.clone(), strip));
        plan.map(|plan| Self(Mutex::new(plan))).into_python()
    }

    fn next<'py>(&self, py: Python<'py>, most_bytes: u64, most_chunks: usize) -> Option<Bound<'py, PyBytes>> {
        self.lock().next(most_bytes, most_chunks).map(|ids| joined(py, ids))
    }

    fn settle<'py>(&self, py: Python<'py>, sizes: Vec<u32>) -> PyResult<Vec<(usize, Told<'py>)>> {
        let troubles = self.lock().settle(&sizes).into_python()?;
        Ok(troubles
            .into_iter()
            .map(|(place, trouble)| (place, told(py, trouble)))
            .collect())
    }

    #[getter]
    fn complete(&self) -> usize {
        self.lock().complete()
    }

    #[getter]
    fn begun_bytes(&self) -> u64 {
        self.lock().begun_bytes()
    }

    fn item(&self, number: usize) -> PyResult<Item> {
        self.lock().item(number).map(Item::new).into_python()
    }

    fn path<'py>(&self, py: Python<'py>, number: usize) -> PyResult<Bound<'py, PyBytes>> {
        self.lock().path(number).map(|path| PyBytes::new(py, path)).into_python()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Restorer>()?;
    module.add_class::<RestoreBatch>()?;
    module.add_class::<RestoreToCome>()?;
    module.add_class::<ContentPlan>()?;
    module.add_function(wrap_pyfunction!(write_chunks, module)?)?;
    module.add_function(wrap_pyfunction!(get_flags, module)?)?;
    module.add_function(wrap_pyfunction!(set_flags, module)?)?;
    module.add_function(wrap_pyfunction!(acl_from_text, module)?)?;
    module.add_function(wrap_pyfunction!(acl_names, module)?)
}
