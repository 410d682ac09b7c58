//! What CI has: a shallow clone of the upstream, and a trust file from elsewhere.

use crate::support::*;
use std::path::PathBuf;

pub const NOTES: &str = "refs/notes/refgate";
pub const LOG: &str = "refs/refgate/log";

pub struct Checkout {
    pub dir: PathBuf,
    pub branch: String,
    pub trust: PathBuf,
}

impl Checkout {
    /// A clone of this branch, with the trust file that the gate exports now.
    pub fn new(world: &World, branch: &str) -> Self {
        let dir = world.path().join(format!("ci-{}", rand_suffix()));
        let url = format!("file://{}", world.upstream.display());
        let target = dir.to_str().expect("UTF-8");
        world.git(world.path(), &["clone", "-q", "--depth=1", "--no-tags", "--branch", branch, &url, target]);
        let trust = world.path().join("refgate.trust");
        write(&trust, &run(world.refgate().args(["trust", "export"])));
        Self { dir, branch: branch.to_owned(), trust }
    }

    /// Brings notes and log as the upstream has them now.
    pub fn fetch(&self, world: &World) {
        let there = world.all_upstream_refs();
        for name in [NOTES, LOG].into_iter().filter(|name| there.contains_key(*name)) {
            world.git(&self.dir, &["fetch", "-q", "--depth=1", "origin", &format!("+{name}:{name}")]);
        }
    }

    /// Exit status and answer of `refgate verify` for the branch.
    pub fn verify(&self, world: &World, arguments: &[&str]) -> (Option<i32>, serde_json::Value) {
        let mut command = world.refgate();
        command.args(["verify", "--json", "--ref", &format!("refs/heads/{}", self.branch)]);
        command.arg("--trust").arg(&self.trust).arg("-C").arg(&self.dir).args(arguments);
        let output = command.output().expect("refgate runs");
        let said = serde_json::from_slice(&output.stdout);
        (output.status.code(), said.unwrap_or_else(|_| panic!("no JSON: {}", text(&output.stderr))))
    }

    /// Fetches until the commit is proven.
    #[track_caller]
    pub fn wait_for_proof(&self, world: &World, arguments: &[&str]) {
        wait_for(|| {
            self.fetch(world);
            self.verify(world, arguments).0 == Some(0)
        });
    }
}
