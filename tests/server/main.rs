//! The SSH server driven by OpenSSH's own client and by raw sockets, with a small service in the gate's place.

mod auth;
mod commands;
mod liars;
mod limits;
mod streams;
mod support;
