//! `ItemRenderer`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use vinculum_kernels::listing::{self, Alignment, Key, Layout, Segment};
use vinculum_kernels::memory::Shared;

use crate::errors::IntoPython;
use crate::memory::Bytes;
use crate::windows::ItemWindow;

/// A part of a line as Python describes it.
#[derive(FromPyObject)]
enum Part {
    Text(String, String, usize),
    Json(String),
    Fixed(Vec<u8>),
}

fn key(name: &str) -> PyResult<Key> {
    Key::parse(name).ok_or_else(|| PyValueError::new_err(format!("no key {name:?}")))
}

/// None stands for a column.
fn segment(part: Option<Part>) -> PyResult<Segment> {
    let Some(part) = part else { return Ok(Segment::Column) };
    Ok(match part {
        Part::Fixed(text) => Segment::Fixed(text),
        Part::Json(name) => Segment::Json(key(&name)?),
        Part::Text(name, alignment, width) => {
            let alignment = match alignment.as_str() {
                "<" => Some(Alignment::Left),
                ">" => Some(Alignment::Right),
                "^" => Some(Alignment::Middle),
                _ => None,
            };
            Segment::Text(key(&name)?, Layout { alignment, width })
        }
    })
}

#[pyclass(frozen, module = "vinculum._native")]
struct ItemRenderer(listing::ItemRenderer);

#[pymethods]
impl ItemRenderer {
    #[new]
    fn new(parts: Vec<Option<Part>>) -> PyResult<Self> {
        let segments = parts.into_iter().map(segment).collect::<PyResult<_>>()?;
        Ok(Self(listing::ItemRenderer::new(segments)))
    }

    fn render(&self, py: Python<'_>, window: &ItemWindow, columns: Vec<Vec<Vec<u8>>>) -> PyResult<Option<Bytes>> {
        let rendered = py.detach(|| self.0.render(&window.0, &columns)).into_python()?;
        Ok(rendered.map(Shared::from).map(Bytes))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemRenderer>()
}
