//! The bytes of git's protocols as values; no IO but on the reader and writer it is given.

pub mod advertisement;
pub mod certificate;
pub mod command;
pub mod pkt_line;
pub mod report;
pub mod sideband;

mod object_id;
