//! Every limit with its default. `config` reads them from `[limits]`; each stage takes what concerns it.

use std::time::Duration;

/// Bounds on what a client may ask of the server. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    // One push.
    /// Bytes of one pack on the wire.
    pub pack_bytes_max: u64,
    /// Objects in one pack.
    pub pack_objects_max: u32,
    /// Bytes of one object, inflated.
    pub object_bytes_max: u64,
    /// Bytes of all objects of one pack together, inflated: bounds what a small pack can unfold to.
    pub inflated_bytes_max: u64,
    /// Length of a delta chain in a pack.
    pub delta_depth_max: u16,
    /// Ref updates in one push.
    pub ref_updates_max: usize,
    /// Push options in one push.
    pub push_options_max: usize,
    /// Bytes of one push option.
    pub push_option_bytes_max: usize,
    /// Bytes of a push certificate, its signature included.
    pub push_cert_bytes_max: usize,
    /// From the advertisement of a nonce to the certificate that has it.
    pub push_cert_time_max: Duration,
    /// Commits judged in one push.
    pub commits_max: usize,
    /// Changed entries judged in one push, over all commits.
    pub changes_max: usize,
    /// Nested annotated tags.
    pub tag_depth_max: usize,
    /// Directories above an entry.
    pub path_depth_max: usize,
    /// Bytes of a file that content rules read as a whole. A larger one is looked through piece by piece, counts as added
    /// as a whole, and a rule that would have to parse it refuses.
    pub content_bytes_max: u64,
    /// Findings told of; more are counted only.
    pub findings_max: usize,
    /// From the first command to the end of the pack.
    pub receive_time_max: Duration,
    /// From the pack's end to the decision.
    pub judge_time_max: Duration,
    /// For the upstream to take or refuse a push.
    pub forward_time_max: Duration,
    /// For one fetch by a client, or from the upstream.
    pub fetch_time_max: Duration,

    // Held pushes.
    /// How long a held push waits for a human.
    pub hold_time_max: Duration,
    /// How long an approval counts while others are missing.
    pub approval_time_max: Duration,
    /// The longest `-o wait=…`.
    pub wait_time_max: Duration,
    /// Held pushes of one repository at a time.
    pub held_pushes_max: u64,
    /// Of them of one principal.
    pub held_pushes_per_principal_max: u64,
    /// Bytes of their packs together.
    pub held_bytes_max: u64,
    /// How long a replaced or deleted tip is kept.
    pub undo_time_max: Duration,

    // Connections.
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    pub connections_per_principal_max: usize,
    /// Authentication tries on one connection.
    pub auth_tries_max: usize,
    /// From the TCP connection to the end of authentication.
    pub login_time_max: Duration,
    /// Without a byte from the client.
    pub idle_time_max: Duration,
    /// One connection as a whole.
    pub connection_time_max: Duration,
    /// For pushes under way at SIGTERM.
    pub drain_time_max: Duration,
}

const MIB: u64 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            pack_bytes_max: 1024 * MIB,
            pack_objects_max: 10_000_000,
            object_bytes_max: 256 * MIB,
            inflated_bytes_max: 64 * 1024 * MIB,
            delta_depth_max: 4095,
            ref_updates_max: 10_000,
            push_options_max: 32,
            push_option_bytes_max: 1024,
            // As many ref updates as are allowed, with names of usual length.
            push_cert_bytes_max: 2 * 1024 * 1024,
            push_cert_time_max: Duration::from_secs(600),
            commits_max: 1_000_000,
            changes_max: 1_000_000,
            tag_depth_max: 8,
            path_depth_max: 256,
            content_bytes_max: 16 * MIB,
            findings_max: 200,
            receive_time_max: Duration::from_secs(3600),
            judge_time_max: Duration::from_secs(600),
            forward_time_max: Duration::from_secs(600),
            fetch_time_max: Duration::from_secs(3600),
            hold_time_max: Duration::from_secs(7 * 24 * 3600),
            approval_time_max: Duration::from_secs(24 * 3600),
            wait_time_max: Duration::from_secs(3600),
            held_pushes_max: 10_000,
            held_pushes_per_principal_max: 5_000,
            held_bytes_max: 64 * 1024 * MIB,
            undo_time_max: Duration::from_secs(30 * 24 * 3600),
            connections_max: 512,
            connections_per_address_max: 128,
            connections_per_principal_max: 64,
            auth_tries_max: 20,
            login_time_max: Duration::from_secs(30),
            idle_time_max: Duration::from_secs(300),
            connection_time_max: Duration::from_secs(4 * 3600),
            drain_time_max: Duration::from_secs(30),
        }
    }
}

/// A size in the largest unit that says it exactly, as settings are written: `1 GiB`, or `1500 bytes`.
#[must_use]
pub fn exact_size(bytes: u64) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = UNITS.iter().find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| format!("{bytes} bytes"), |(shift, name)| format!("{} {name}", bytes >> shift))
}
