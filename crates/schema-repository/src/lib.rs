//! The schema repository as data: what its folders say, read and bundled; the schemas of whole
//! events, composed from envelope, origin and data in the writer's and the reader's form; and the
//! Rust bindings made of both.
//!
//! The build of the client library and the tool `doorward-schema` read the contract through this
//! crate alone, so that what the tool says of a type is what a binary was built with.

pub mod bundle;
pub mod compose;
pub mod files;
pub mod lock;
pub mod places;
pub mod publishers;
pub mod references;
pub mod repository;
pub mod rust;
pub mod tree;
pub mod version;
pub mod walk;

pub use compose::{Form, compose, statement};
pub use files::Files;
pub use lock::Lock;
pub use places::{Document, Malformed, Place};
pub use publishers::Publishers;
pub use repository::{Definitions, Direction, Edition, Failure, Repository, TypeSource};
pub use tree::{Folder, Tree};
pub use version::Version;
