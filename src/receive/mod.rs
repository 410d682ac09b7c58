//! The conversation of receive-pack: what the client sends is taken in, checked and answered.

pub mod message;
pub mod reply;

pub use message::{Message, Retry, Verdict};
pub use reply::Reply;
