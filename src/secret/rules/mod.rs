//! The table, one file a sector.

/// File name and text.
pub const TABLES: &[(&str, &str)] = &[("vcs.toml", include_str!("vcs.toml"))];
