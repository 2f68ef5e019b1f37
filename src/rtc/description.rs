//! What two sides exchange to connect is in [`crate::model::description`], the servers that help them in
//! [`crate::model::ice`].

pub use crate::model::description::{Candidate, Description, DescriptionError, DescriptionKind};
pub use crate::model::ice::IceServer;
