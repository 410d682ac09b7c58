//! refgate: an SSH git server between AI coding agents and the real repository.
//!
//! The folders are the stages of a push; `gate/push.rs` tells the whole story. See ARCHITECTURE.md.

pub mod cli;
pub mod config;
pub mod diff;
pub mod events;
pub mod evidence;
pub mod examine;
pub mod forward;
pub mod gate;
pub mod git;
pub mod http;
pub mod inspect;
pub mod model;
pub mod observe;
pub mod policy;
pub mod receive;
pub mod record;
pub mod review;
pub mod secret;
pub mod server;
pub mod store;
pub mod strict;
pub mod tlog;
pub mod trial;
pub mod verbs;
pub mod webhook;
pub mod wire;
pub mod witness;
