//! `Appearance`, `FileTree`, `FileSystem`, `mount_fuse`, `unmount`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_filesystem::Errno;
use vinculum_filesystem::appearance::Appearance;
use vinculum_filesystem::filesystem::FileSystem as Files;
use vinculum_filesystem::growing::Grower;
use vinculum_filesystem::tree::Tree;
use vinculum_filesystem::{fuse, mounting};
use vinculum_kernels::errors::Error;
use vinculum_kernels::locks::lock;
use vinculum_kernels::memory::{self, Shared};

use crate::errors::IntoPython;
use crate::ids::{self, Ids};
use crate::memory::{Blob, Bytes};
use crate::names::{Names, names};
use crate::sys::Descriptor;
use crate::windows::ItemWindow;

#[pyclass(frozen, module = "vinculum._native", name = "Appearance")]
pub struct PyAppearance(Appearance);

#[pymethods]
impl PyAppearance {
    #[new]
    #[pyo3(signature = (*, default_owner, uid=None, gid=None, umask=0, numeric_ids=false, strip=0, with_parts=false, versions=false))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        default_owner: (u32, u32),
        uid: Option<u32>,
        gid: Option<u32>,
        umask: u32,
        numeric_ids: bool,
        strip: usize,
        with_parts: bool,
        versions: bool,
    ) -> Self {
        Self(Appearance {
            default_uid: default_owner.0,
            default_gid: default_owner.1,
            forced_uid: uid,
            forced_gid: gid,
            umask,
            numeric_ids,
            strip,
            with_parts,
            versions,
        })
    }
}

/// The tree of one archive, or of several merged; nothing is left of it once a file system took it.
#[pyclass(frozen, module = "vinculum._native")]
pub struct FileTree(Mutex<Option<Grower>>);

/// Where it stopped; users and groups to be looked up; paths of broken links and of senseless ACLs.
type Growth<'py> = (usize, Names<'py>, Names<'py>, Names<'py>, Names<'py>);

#[pymethods]
impl FileTree {
    #[new]
    fn new(appearance: &PyAppearance, time: i64) -> Self {
        Self(Mutex::new(Some(Grower::new(appearance.0.clone(), time))))
    }

    fn set_user(&self, name: &[u8], uid: u32) -> PyResult<()> {
        self.with(|grower| {
            grower.set_user(name.to_vec(), uid);
            Ok(())
        })
        .into_python()
    }

    fn set_group(&self, name: &[u8], gid: u32) -> PyResult<()> {
        self.with(|grower| {
            grower.set_group(name.to_vec(), gid);
            Ok(())
        })
        .into_python()
    }

    #[pyo3(signature = (window, start, mask=None))]
    fn grow<'py>(&self, py: Python<'py>, window: &ItemWindow, start: usize, mask: Option<Blob>) -> PyResult<Growth<'py>> {
        let growth = py
            .detach(|| self.with(|grower| grower.grow(&window.0, start, mask.as_deref())))
            .into_python()?;
        let (users, groups) = (names(py, &growth.unknown.users), names(py, &growth.unknown.groups));
        Ok((
            growth.stop,
            users,
            groups,
            names(py, &growth.broken),
            names(py, &growth.senseless),
        ))
    }

    fn finish_archive(&self) -> PyResult<()> {
        self.with(|grower| {
            grower.finish_archive();
            Ok(())
        })
        .into_python()
    }
}

impl FileTree {
    fn with<T>(&self, work: impl FnOnce(&mut Grower) -> Result<T, Error>) -> Result<T, Error> {
        work(self.lock().as_mut().ok_or_else(gone)?)
    }

    fn take(&self) -> Result<Tree, Error> {
        Ok(self.lock().take().ok_or_else(gone)?.into_tree())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Grower>> {
        lock(&self.0)
    }
}

fn gone() -> Error {
    Error::value("this tree was given away")
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct FileSystem(Arc<Files>);

#[pymethods]
impl FileSystem {
    #[staticmethod]
    fn of_tree(tree: &FileTree, cache_bytes: usize, shows_damage: bool) -> PyResult<Self> {
        let files = Files::new(tree.take().into_python()?, cache_bytes, shows_damage).into_python()?;
        Ok(Self(Arc::new(files)))
    }

    #[staticmethod]
    fn of_archives(
        appearance: &PyAppearance,
        time: i64,
        archives: Vec<(Vec<u8>, i64)>,
        cache_bytes: usize,
        shows_damage: bool,
    ) -> PyResult<Self> {
        let directory = |time| appearance.0.directory(time);
        let archives = archives.into_iter().map(|(name, time)| (name, directory(time)));
        let files = Files::of_archives(directory(time), archives, cache_bytes, shows_damage).into_python()?;
        Ok(Self(Arc::new(files)))
    }

    #[pyo3(signature = (device, *, threads, enforces_acls, admits_root_only))]
    fn serve(
        &self,
        py: Python<'_>,
        device: Descriptor,
        threads: usize,
        enforces_acls: bool,
        admits_root_only: bool,
    ) -> PyResult<()> {
        let files = Arc::clone(&self.0);
        py.detach(|| {
            let device = device.borrow().try_clone_to_owned()?;
            fuse::serve(files, device, threads, enforces_acls, admits_root_only)
        })
        .map_err(Error::from)
        .into_python()
    }

    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        // A signal that came just before does not end the waiting, so it has to be looked for.
        while !py.detach(|| self.0.wait()).into_python()? {
            py.check_signals()?;
        }
        Ok(())
    }

    fn withdraw(&self, py: Python<'_>) {
        py.detach(|| self.0.withdraw());
    }

    #[getter]
    fn has_ended(&self) -> bool {
        self.0.has_ended()
    }

    fn entered(&self) -> Vec<u32> {
        self.0.entered()
    }

    fn load(&self, py: Python<'_>, number: u32, tree: &FileTree) -> PyResult<()> {
        py.detach(|| self.0.load(number, Ok(tree.take()?))).into_python()
    }

    fn lose(&self, py: Python<'_>, number: u32, errno: i32) -> PyResult<()> {
        let errno = Errno::from_raw_os_error(errno);
        py.detach(|| self.0.load(number, Err(errno))).into_python()
    }

    #[staticmethod]
    fn settle() {
        memory::discard_idle();
        vinculum_kernels::sys::release_memory();
    }

    fn wanted<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        ids::joined(py, &self.0.wanted())
    }

    fn deliver(&self, py: Python<'_>, ids: Ids, chunks: Vec<PyRef<'_, Bytes>>) -> PyResult<()> {
        let ids = ids.as_slice();
        if ids.len() != chunks.len() {
            return Err(PyValueError::new_err(format!(
                "{} chunks with {} ids",
                chunks.len(),
                ids.len()
            )));
        }
        let chunks: Vec<Shared> = chunks.iter().map(|chunk| chunk.0.clone()).collect();
        py.detach(|| self.0.deliver(ids, &chunks));
        Ok(())
    }

    fn fail(&self, py: Python<'_>, ids: Ids, errno: i32) -> PyResult<()> {
        py.detach(|| self.0.fail(ids.as_slice(), Errno::from_raw_os_error(errno)));
        Ok(())
    }
}

#[pyfunction]
fn mount_fuse(py: Python<'_>, source: &str, directory: PathBuf, flags: u32, options: &str) -> PyResult<()> {
    py.detach(|| mounting::mount_fuse(source, &directory, flags, options))
        .into_python()
}

#[pyfunction]
#[pyo3(signature = (directory, *, lazily))]
fn unmount(py: Python<'_>, directory: PathBuf, lazily: bool) -> PyResult<()> {
    py.detach(|| mounting::unmount(&directory, lazily)).into_python()
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyAppearance>()?;
    module.add_class::<FileTree>()?;
    module.add_class::<FileSystem>()?;
    module.add_function(wrap_pyfunction!(mount_fuse, module)?)?;
    module.add_function(wrap_pyfunction!(unmount, module)?)
}
