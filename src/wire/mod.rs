//! The bytes of git's protocols as values; no IO but on the reader and writer it is given.

pub mod pkt_line;
