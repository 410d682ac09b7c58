//! Packs written byte by byte, so that they can be as wrong as a client can make them.
#![allow(dead_code)]

use gix::hash::Kind::Sha1;
use gix::objs::Kind;
use refgate::git::ObjectStore;
use refgate::model::{Limits, ObjectId};
use refgate::receive::{Quarantine, ReceiveError, Received, unpack};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::AtomicBool;

/// A pack under construction.
#[derive(Clone)]
pub struct RawPack {
    pub bytes: Vec<u8>,
    objects: u32,
}

impl Default for RawPack {
    fn default() -> Self {
        Self { bytes: b"PACK\0\0\0\x02\0\0\0\0".to_vec(), objects: 0 }
    }
}

impl RawPack {
    pub fn object(&mut self, kind: Kind, data: &[u8]) -> ObjectId {
        let type_bits = match kind {
            Kind::Commit => 1,
            Kind::Tree => 2,
            Kind::Blob => 3,
            Kind::Tag => 4,
        };
        self.entry(type_bits, data.len() as u64, &[], &deflate(data));
        id(kind, data)
    }

    /// The offset the next entry will have.
    pub fn offset(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub fn ofs_delta(&mut self, distance: u64, delta: &[u8]) {
        let mut rest = distance;
        let mut encoded = vec![(rest & 0x7f) as u8];
        while rest > 0x7f {
            rest = (rest >> 7) - 1;
            encoded.insert(0, (rest & 0x7f) as u8 | 0x80);
        }
        self.entry(6, delta.len() as u64, &encoded, &deflate(delta));
    }

    pub fn ref_delta(&mut self, base: &ObjectId, delta: &[u8]) {
        self.entry(7, delta.len() as u64, base.as_slice(), &deflate(delta));
    }

    pub fn entry(&mut self, type_bits: u8, size: u64, after_size: &[u8], compressed: &[u8]) {
        let mut rest = size >> 4;
        let mut byte = (type_bits << 4) | (size & 15) as u8;
        while rest > 0 {
            self.bytes.push(byte | 0x80);
            byte = (rest & 0x7f) as u8;
            rest >>= 7;
        }
        self.bytes.push(byte);
        self.bytes.extend(after_size);
        self.bytes.extend(compressed);
        self.objects += 1;
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.bytes[8..12].copy_from_slice(&self.objects.to_be_bytes());
        seal(self.bytes)
    }
}

/// Appends the checksum.
pub fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut hasher = gix::hash::hasher(Sha1);
    hasher.update(&bytes);
    bytes.extend(hasher.try_finalize().expect("no collision").as_slice());
    bytes
}

pub fn deflate(data: &[u8]) -> Vec<u8> {
    use gix::zlib::{Compression, stream::deflate};
    let mut writer = deflate::Write::new(Vec::new(), Compression::BEST_SPEED);
    writer.write_all(data).expect("to memory");
    writer.flush().expect("to memory");
    writer.into_inner()
}

/// A delta that inserts all of `result`, whatever the base of this size holds.
pub fn insert_delta(base_size: usize, result: &[u8]) -> Vec<u8> {
    let mut delta = leb128(base_size);
    delta.extend(leb128(result.len()));
    for part in result.chunks(127) {
        delta.push(part.len() as u8);
        delta.extend(part);
    }
    delta
}

pub fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

pub fn id(kind: Kind, data: &[u8]) -> ObjectId {
    gix::objs::compute_hash(Sha1, kind, data).expect("no collision")
}

pub fn tree(entries: &[(&str, &[u8], ObjectId)]) -> Vec<u8> {
    let mut data = Vec::new();
    for (mode, name, id) in entries {
        data.extend([mode.as_bytes(), b" ", name, b"\0", id.as_slice()].concat());
    }
    data
}

pub fn commit(tree: &ObjectId, parents: &[ObjectId]) -> Vec<u8> {
    let parents: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
    format!("tree {tree}\n{parents}author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm\n").into_bytes()
}

/// A directory with an object directory for the mirror and room for quarantines.
pub struct Place {
    pub dir: tempfile::TempDir,
}

impl Default for Place {
    fn default() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("objects/pack")).expect("created");
        Self { dir }
    }
}

impl Place {
    pub fn objects_dir(&self) -> PathBuf {
        self.dir.path().join("objects")
    }

    pub fn base(&self) -> ObjectStore {
        ObjectStore::open(&self.objects_dir()).expect("opened")
    }

    pub fn quarantine(&self) -> Quarantine {
        Quarantine::create(self.dir.path()).expect("created")
    }

    pub fn unpack(&self, pack: &[u8], limits: &Limits) -> Result<(Quarantine, Received), ReceiveError> {
        let mut quarantine = self.quarantine();
        let stop = AtomicBool::new(false);
        let received = unpack(&mut &*pack, &mut quarantine, &self.base(), limits, &|_| {}, &stop)?;
        Ok((quarantine, received))
    }
}

/// The gits to try: `REFGATE_TEST_GITS`, separated by colons, or the one in the path.
pub fn gits() -> Vec<String> {
    let list = std::env::var("REFGATE_TEST_GITS").unwrap_or_else(|_| "git".to_owned());
    list.split(':').map(str::to_owned).collect()
}

/// Runs git in `dir` without any configuration but the repository's.
pub fn run_git(git: &str, dir: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(git);
    command.args(arguments).current_dir(dir).env("HOME", dir).env("GIT_CONFIG_NOSYSTEM", "1");
    for (name, date) in [("GIT_AUTHOR_DATE", "@1 +0000"), ("GIT_COMMITTER_DATE", "@1 +0000")] {
        command.env(name, date);
    }
    for name in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
        command.env(name, "a");
    }
    command.env_remove("GIT_DIR").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("git starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // git may end before it has read all; that is its answer, not an error of the test.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("git ends");
    writer.join().expect("written");
    output
}

pub fn git_ok(dir: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run_git("git", dir, arguments, input);
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
