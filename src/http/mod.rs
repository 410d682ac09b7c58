//! The least of HTTP that refgate needs: a server of small requests, and how others are called. Knows no path.

mod client;
mod request;
mod server;

pub use client::agent;
pub use request::{Method, Request};
pub use server::{Limits, Response, serve};
