//! The table, one file a sector.

/// File name and text.
pub const TABLES: &[(&str, &str)] = &[
    ("ai.toml", include_str!("ai.toml")),
    ("ci.toml", include_str!("ci.toml")),
    ("cloud.toml", include_str!("cloud.toml")),
    ("database.toml", include_str!("database.toml")),
    ("keys.toml", include_str!("keys.toml")),
    ("messaging.toml", include_str!("messaging.toml")),
    ("monitoring.toml", include_str!("monitoring.toml")),
    ("packages.toml", include_str!("packages.toml")),
    ("payment.toml", include_str!("payment.toml")),
    ("saas.toml", include_str!("saas.toml")),
    ("vcs.toml", include_str!("vcs.toml")),
    // Last: of two rules for the same bytes, the first one speaks.
    ("generic.toml", include_str!("generic.toml")),
];

#[cfg(test)]
mod tests;
