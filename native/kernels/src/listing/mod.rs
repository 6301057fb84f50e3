//! Items as lines of text or JSON, in large blocks. Which keys there are and how they look is Borg's; what is out of the
//! ordinary (other formats of values, hashes of content) Python renders, and it comes in as columns.

mod clock;
mod renderer;
mod text;
mod values;

pub use renderer::{Alignment, ItemRenderer, Layout, Segment};
pub use text::count_characters;
pub use values::Key;
