//! Witnesses of the log (C2SP tlog-witness) over HTTP: being one, on a second host, and asking those that the operator
//! trusts. What is signed and what a signature is worth is decided in `tlog/`.

mod client;
mod server;

pub use client::{CosignError, Cosigned, KnownSizes, cosign};
pub use server::serve;
