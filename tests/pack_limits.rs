//! Packs as a client can send them: whole, thin, cut, lying, and at each limit and one over.

#[path = "support/raw_pack.rs"]
mod raw_pack;

use gix::objs::Kind;
use raw_pack::{Place, RawPack, commit, deflate, git_ok, id, insert_delta, leb128, seal, tree};
use refgate::model::{Limits, ObjectId};
use refgate::receive::{Cause, ClientFault, Durability, Progress, ReceiveError, check_existing, unpack};
use std::io::Read;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

fn fault(pack: &[u8], limits: &Limits) -> Option<ClientFault> {
    match Place::default().unpack(pack, limits) {
        Ok(_) => None,
        Err(ReceiveError::Client(fault)) => Some(fault),
        Err(other) => panic!("{other}"),
    }
}

fn defaults() -> Limits {
    Limits::default()
}

/// Three objects, as a push of one file.
fn small_pack() -> Vec<u8> {
    let mut pack = RawPack::default();
    let blob = pack.object(Kind::Blob, b"hello\n");
    let tree = pack.object(Kind::Tree, &tree(&[("100644", b"a", blob)]));
    pack.object(Kind::Commit, &commit(&tree, &[]));
    pack.finish()
}

#[test]
fn a_small_pack_is_taken_with_the_index_git_would_write() {
    let place = Place::default();
    let (quarantine, received) = place.unpack(&small_pack(), &defaults()).expect("taken");
    assert_eq!((received.objects, received.pack_bytes, received.problems.len()), (3, small_pack().len() as u64, 0));
    assert_same_index(quarantine.pack_path().expect("a pack"));
    quarantine.migrate(&place.objects_dir(), Durability::Synced).expect("migrated");
    let pack = std::fs::read_dir(place.objects_dir().join("pack")).expect("readable").count();
    assert_eq!(pack, 2);
}

/// git makes the same index of the same pack.
fn assert_same_index(pack: &Path) {
    let dir = tempfile::tempdir().expect("a directory");
    let other = dir.path().join("other.idx");
    let arguments = ["index-pack", "-o", other.to_str().expect("text"), pack.to_str().expect("text")];
    git_ok(dir.path(), &arguments, b"");
    let ours = std::fs::read(pack.with_extension("idx")).expect("an index");
    assert_eq!(ours, std::fs::read(other).expect("an index"));
    git_ok(dir.path(), &["verify-pack", pack.to_str().expect("text")], b"");
}

#[test]
fn bytes_after_the_pack_stay_unread() {
    let bytes = [small_pack(), b"0000".to_vec()].concat();
    let place = Place::default();
    let mut input = &bytes[..];
    let stop = AtomicBool::new(false);
    let received = unpack(&mut input, &mut place.quarantine(), &place.base(), &defaults(), &|_| {}, &stop);
    assert!(received.is_ok());
    assert_eq!(input, b"0000");
}

#[test]
fn an_empty_pack_holds_nothing() {
    let place = Place::default();
    let (quarantine, received) = place.unpack(&RawPack::default().finish(), &defaults()).expect("taken");
    assert_eq!((received.objects, received.pack_bytes), (0, 32));
    assert_eq!(quarantine.pack_path(), None);
    quarantine.migrate(&place.objects_dir(), Durability::Volatile).expect("nothing to do");
}

#[test]
fn a_pack_cut_anywhere_is_refused() {
    let pack = small_pack();
    for end in 0..pack.len() {
        assert_eq!(fault(&pack[..end], &defaults()), Some(ClientFault::Truncated), "cut to {end}");
    }
}

#[test]
fn a_pack_changed_anywhere_is_refused() {
    let pack = small_pack();
    for at in 0..pack.len() {
        for mask in [1, 0x80, 0xff] {
            let mut changed = pack.clone();
            changed[at] ^= mask;
            assert!(fault(&changed, &defaults()).is_some(), "byte {at} xor {mask:#x}");
        }
    }
}

#[test]
fn malformed_packs_have_a_name() {
    let blob = deflate(b"hello");
    let entry = |type_bits, size, compressed: &[u8]| {
        let mut pack = RawPack::default();
        pack.entry(type_bits, size, &[], compressed);
        pack.finish()
    };
    let header = |count: u32| seal([&b"PACK\0\0\0\x02"[..], &count.to_be_bytes()].concat());
    let mut checksum = small_pack();
    *checksum.last_mut().expect("bytes") ^= 1;
    let table = [
        (b"PUCK".to_vec(), ClientFault::NotAPack),
        (seal(b"PACK\0\0\0\x04\0\0\0\0".to_vec()), ClientFault::Version(4)),
        (header(4_000_000_000), ClientFault::PackObjects(10_000_000)),
        (header(1), ClientFault::Entry(12)),
        (checksum, ClientFault::Checksum),
        (entry(0, 5, &blob), ClientFault::Entry(12)),
        (entry(5, 5, &blob), ClientFault::Entry(12)),
        (entry(3, 4, &blob), ClientFault::Size(12)),
        (entry(3, 6, &blob), ClientFault::Size(12)),
        (entry(3, 0, &blob), ClientFault::Size(12)),
        (entry(3, 5, b"not zlib at all, but long enough"), ClientFault::Zlib(12)),
        (entry(3, 1 << 40, &blob), ClientFault::ObjectBytes(256 << 20)),
        (entry(3, u64::MAX, &blob), ClientFault::Entry(12)),
    ];
    for (bytes, expected) in table {
        let found = fault(&bytes, &defaults());
        // What looks like an entry after a header that lies is the checksum: any fault of an entry will do.
        let is_any_entry = expected == ClientFault::Entry(12) && found.is_some();
        assert!(found.as_ref() == Some(&expected) || is_any_entry, "{expected:?} {found:?}");
    }
}

#[test]
fn empty_deflate_blocks_do_not_go_on_for_ever() {
    // A stored block of no bytes, over and over: input without output.
    let mut compressed = vec![0x78, 0x01];
    compressed.extend(std::iter::repeat_n([0, 0, 0, 0xff, 0xff], 30_000).flatten());
    let mut pack = RawPack::default();
    pack.entry(3, 5, &[], &compressed);
    assert_eq!(fault(&pack.finish(), &defaults()), Some(ClientFault::Zlib(12)));
}

#[test]
fn deltas_must_have_their_base() {
    let hello = insert_delta(6, b"hello again\n");
    let mut far = RawPack::default();
    far.object(Kind::Blob, b"hello\n");
    let second = far.offset();
    let (mut zero, mut between) = (far.clone(), far.clone());
    far.ofs_delta(second + 1, &hello);
    assert_eq!(fault(&far.finish(), &defaults()), Some(ClientFault::BaseOffset(second)));
    zero.ofs_delta(0, &hello);
    assert_eq!(fault(&zero.finish(), &defaults()), Some(ClientFault::BaseOffset(second)));
    between.ofs_delta(second - 13, &hello);
    assert_eq!(fault(&between.finish(), &defaults()), Some(ClientFault::BaseOffset(second)));
    let missing = id(Kind::Blob, b"nowhere");
    let mut pack = RawPack::default();
    pack.ref_delta(&missing, &hello);
    assert_eq!(fault(&pack.finish(), &defaults()), Some(ClientFault::MissingBase(missing)));
}

#[test]
fn a_delta_on_itself_or_in_a_circle_has_no_base() {
    // Ids of deltas that name each other cannot be known; names that are never resolved stand for them.
    let mut pack = RawPack::default();
    pack.ref_delta(&id(Kind::Blob, b"b"), &insert_delta(1, b"a"));
    pack.ref_delta(&id(Kind::Blob, b"a"), &insert_delta(1, b"b"));
    assert!(matches!(fault(&pack.finish(), &defaults()), Some(ClientFault::MissingBase(_))));
}

#[test]
fn malformed_deltas_are_refused() {
    let base = b"hello\n";
    let bad = [
        insert_delta(5, b"x"),
        vec![],
        vec![6],
        vec![6, 1, 0],
        vec![6, 1, 0x91, 6, 1],
        vec![6, 2, 1, b'x'],
        vec![6, 1, 2, b'x', b'y'],
    ];
    for delta in bad {
        let mut pack = RawPack::default();
        pack.object(Kind::Blob, base);
        let offset = pack.offset();
        pack.ofs_delta(offset - 12, &delta);
        assert_eq!(fault(&pack.finish(), &defaults()), Some(ClientFault::Delta(offset)), "{delta:?}");
    }
}

#[test]
fn the_same_object_twice_is_refused() {
    let mut pack = RawPack::default();
    let blob = pack.object(Kind::Blob, b"x");
    pack.object(Kind::Blob, b"x");
    assert_eq!(fault(&pack.finish(), &defaults()), Some(ClientFault::Duplicate(blob)));
}

#[test]
fn deltas_by_id_may_stand_before_their_base() {
    let (a, b, c) = (b"first\n", b"second\n", b"third\n");
    let mut pack = RawPack::default();
    pack.ref_delta(&id(Kind::Blob, b), &insert_delta(b.len(), c));
    pack.ref_delta(&id(Kind::Blob, a), &insert_delta(a.len(), b));
    pack.object(Kind::Blob, a);
    let place = Place::default();
    let (quarantine, received) = place.unpack(&pack.finish(), &defaults()).expect("taken");
    assert_eq!(received.objects, 3);
    assert_same_index(quarantine.pack_path().expect("a pack"));
}

#[test]
fn a_thin_pack_is_completed_from_the_mirror() {
    let place = Place::default();
    let base = b"old line\n".repeat(100);
    let mut first = RawPack::default();
    let base_id = first.object(Kind::Blob, &base);
    let (quarantine, _) = place.unpack(&first.finish(), &defaults()).expect("taken");
    quarantine.migrate(&place.objects_dir(), Durability::Volatile).expect("migrated");

    let mut second = RawPack::default();
    second.ref_delta(&base_id, &insert_delta(base.len(), b"new\n"));
    let (quarantine, received) = place.unpack(&second.clone().finish(), &defaults()).expect("taken");
    assert_eq!(received.objects, 1);
    assert_same_index(quarantine.pack_path().expect("a pack"));
    let index = gix::odb::pack::index::File::at(
        quarantine.pack_path().expect("a pack").with_extension("idx"),
        gix::hash::Kind::Sha1,
    );
    assert_eq!(index.expect("readable").num_objects(), 2);

    // The base comes along, as a delta on another object that only the mirror has: it must not be there twice.
    let mut both = second;
    let other = b"other\n";
    let mut third = RawPack::default();
    let other_id = third.object(Kind::Blob, other);
    let (quarantine, _) = place.unpack(&third.finish(), &defaults()).expect("taken");
    quarantine.migrate(&place.objects_dir(), Durability::Volatile).expect("migrated");
    both.ref_delta(&other_id, &insert_delta(other.len(), &base));
    let (quarantine, _) = place.unpack(&both.finish(), &defaults()).expect("taken");
    assert_same_index(quarantine.pack_path().expect("a pack"));
}

#[test]
fn pack_bytes_and_objects_are_limited() {
    let pack = small_pack();
    let limits = |bytes: u64, objects| Limits { pack_bytes_max: bytes, pack_objects_max: objects, ..defaults() };
    let length = pack.len() as u64;
    assert_eq!(fault(&pack, &limits(length, 3)), None);
    assert_eq!(fault(&pack, &limits(length - 1, 3)), Some(ClientFault::PackBytes(length - 1)));
    assert_eq!(fault(&pack, &limits(length, 2)), Some(ClientFault::PackObjects(2)));
}

#[test]
fn object_bytes_are_limited_whole_and_as_deltas() {
    let limits = Limits { object_bytes_max: 1000, ..defaults() };
    let whole = |size| {
        let mut pack = RawPack::default();
        pack.object(Kind::Blob, &vec![b'x'; size]);
        pack.finish()
    };
    let delta = |size: usize| {
        let mut pack = RawPack::default();
        pack.object(Kind::Blob, &[b'x'; 900]);
        let distance = pack.offset() - 12;
        // Copies 900 bytes, then as many of them as are still wanted.
        let mut delta = [leb128(900), leb128(size), vec![0xb0, 0x84, 0x03]].concat();
        delta.extend([0x90, (size - 900) as u8]);
        pack.ofs_delta(distance, &delta);
        pack.finish()
    };
    for (pack, over) in [(whole(1000), whole(1001)), (delta(1000), delta(1001))] {
        assert_eq!(fault(&pack, &limits), None);
        assert_eq!(fault(&over, &limits), Some(ClientFault::ObjectBytes(1000)));
    }
    // A delta that says it makes a terabyte is refused before anything is allocated for it.
    let mut pack = RawPack::default();
    pack.object(Kind::Blob, b"hello\n");
    let distance = pack.offset() - 12;
    pack.ofs_delta(distance, &[leb128(6), leb128(1 << 40), vec![0x90, 6]].concat());
    assert_eq!(fault(&pack.finish(), &defaults()), Some(ClientFault::ObjectBytes(256 << 20)));
}

#[test]
fn a_large_blob_is_hashed_as_it_comes() {
    let data = (0..9_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>();
    let mut pack = RawPack::default();
    pack.object(Kind::Blob, &data);
    pack.object(Kind::Blob, &vec![b'z'; 9_000_000]);
    let place = Place::default();
    let (quarantine, _) = place.unpack(&pack.finish(), &defaults()).expect("taken");
    assert_same_index(quarantine.pack_path().expect("a pack"));
}

#[test]
fn what_a_pack_unfolds_to_is_limited() {
    // Deltas count as they are stored and as what they make.
    let mut pack = RawPack::default();
    pack.object(Kind::Blob, &[b'x'; 500]);
    let distance = pack.offset() - 12;
    let delta = [leb128(500), leb128(400), vec![0xb0, 0x90, 0x01]].concat();
    pack.ofs_delta(distance, &delta);
    let pack = pack.finish();
    let total = 500 + 400 + delta.len() as u64;
    let limits = |max| Limits { inflated_bytes_max: max, ..defaults() };
    assert_eq!(fault(&pack, &limits(total)), None);
    assert_eq!(fault(&pack, &limits(total - 1)), Some(ClientFault::InflatedBytes(total - 1)));
    assert_eq!(fault(&pack, &limits(499)), Some(ClientFault::InflatedBytes(499)));
}

fn chain(length: usize, by_id: bool) -> Vec<u8> {
    let mut pack = RawPack::default();
    let text = |n: usize| format!("version {n:05}\n").into_bytes();
    let mut previous = pack.offset();
    pack.object(Kind::Blob, &text(0));
    for n in 1..=length {
        let delta = insert_delta(text(n - 1).len(), &text(n));
        let at = pack.offset();
        if by_id {
            pack.ref_delta(&id(Kind::Blob, &text(n - 1)), &delta);
        } else {
            pack.ofs_delta(at - previous, &delta);
        }
        previous = at;
    }
    pack.finish()
}

#[test]
fn delta_chains_are_limited() {
    for by_id in [false, true] {
        let limits = Limits { delta_depth_max: 10, ..defaults() };
        assert_eq!(fault(&chain(10, by_id), &limits), None);
        assert_eq!(fault(&chain(11, by_id), &limits), Some(ClientFault::DeltaDepth(10)));
        assert_eq!(fault(&chain(4095, by_id), &defaults()), None);
        assert_eq!(fault(&chain(4096, by_id), &defaults()), Some(ClientFault::DeltaDepth(4095)));
    }
}

#[test]
fn problems_are_counted_beyond_the_limit() {
    let mut pack = RawPack::default();
    for n in 0..10 {
        let name = format!("{n}/x");
        pack.object(Kind::Tree, &tree(&[("160000", name.as_bytes(), id(Kind::Blob, b"x"))]));
    }
    let limits = |max| Limits { findings_max: max, ..defaults() };
    let count = |max| {
        let (_, received) = Place::default().unpack(&pack.clone().finish(), &limits(max)).expect("taken");
        (received.problems.len(), received.more_problems)
    };
    assert_eq!(count(10), (10, 0));
    assert_eq!(count(9), (9, 1));
}

#[test]
fn a_missing_object_is_named_with_who_refers_to_it() {
    let missing = id(Kind::Blob, b"nowhere");
    let mut pack = RawPack::default();
    let tree = pack.object(Kind::Tree, &tree(&[("100644", b"x", missing)]));
    let (_, received) = Place::default().unpack(&pack.finish(), &defaults()).expect("taken");
    let problem = &received.problems[0];
    assert_eq!((problem.id, problem.kind, problem.cause), (tree, Kind::Tree, Cause::MissingLink));
    assert_eq!(problem.detail, format!("blob {missing} is missing"));
}

#[test]
fn a_gitmodules_blob_of_the_mirror_is_looked_into() {
    let place = Place::default();
    let bad = b"[submodule \"..\"]\n\tpath = x\n";
    let mut first = RawPack::default();
    let blob = first.object(Kind::Blob, bad);
    let (quarantine, received) = place.unpack(&first.finish(), &defaults()).expect("taken");
    assert_eq!(received.problems, []);
    quarantine.migrate(&place.objects_dir(), Durability::Volatile).expect("migrated");
    let mut second = RawPack::default();
    second.object(Kind::Tree, &tree(&[("100644", b".gitmodules", blob)]));
    let (_, received) = place.unpack(&second.finish(), &defaults()).expect("taken");
    let causes: Vec<_> = received.problems.iter().map(|problem| (problem.id, problem.cause)).collect();
    assert_eq!(causes, [(blob, Cause::GitmodulesName)]);
}

#[test]
fn a_set_stop_flag_ends_it() {
    let place = Place::default();
    let stop = AtomicBool::new(true);
    let pack = small_pack();
    let result = unpack(&mut &pack[..], &mut place.quarantine(), &place.base(), &defaults(), &|_| {}, &stop);
    assert!(matches!(result, Err(ReceiveError::Stopped)));
}

/// Many versions of many files, with the deltas git makes of them.
fn real_repository(dir: &Path) {
    git_ok(dir, &["init", "-q", "-b", "main", "."], b"");
    let mut stream = String::new();
    for version in 0..300_usize {
        let file = version * 7 % 40;
        let lines: String = (0..120)
            .map(|line| {
                let changed = if line % 40 == version % 40 { version } else { file };
                format!("file {file} line {line} holds {changed}\n")
            })
            .collect();
        stream.push_str("commit refs/heads/main\ncommitter a <a> 1 +0000\ndata 1\nm\n");
        stream.push_str(&format!("M 100644 inline dir{}/f{file}\ndata {}\n{lines}\n", file % 5, lines.len()));
    }
    git_ok(dir, &["fast-import", "--quiet"], stream.as_bytes());
}

#[test]
fn packs_of_real_git_are_taken_with_any_kind_of_delta() {
    let dir = tempfile::tempdir().expect("a directory");
    real_repository(dir.path());
    let place = Place::default();
    for options in [&["--delta-base-offset"][..], &[], &["--window=0"], &["--depth=4000", "--window=50"]] {
        let arguments = [&["pack-objects", "--stdout", "--revs", "-q", "--no-reuse-delta"], options].concat();
        let pack = git_ok(dir.path(), &arguments, b"main\n");
        let (quarantine, received) = place.unpack(&pack, &defaults()).expect("taken");
        assert_eq!((received.problems, received.pack_bytes), (vec![], pack.len() as u64), "{options:?}");
        assert_same_index(quarantine.pack_path().expect("a pack"));
    }
}

#[test]
fn thin_packs_of_real_git_are_completed_and_connected() {
    let dir = tempfile::tempdir().expect("a directory");
    real_repository(dir.path());
    let place = Place::default();
    let old = git_ok(dir.path(), &["pack-objects", "--stdout", "--revs", "-q"], b"main~50\n");
    let (quarantine, _) = place.unpack(&old, &defaults()).expect("taken");
    for options in [&["--delta-base-offset"][..], &[]] {
        let arguments = [&["pack-objects", "--stdout", "--revs", "-q", "--thin"], options].concat();
        let thin = git_ok(dir.path(), &arguments, b"main\n^main~50\n");
        let alone = place.unpack(&thin, &defaults());
        assert!(!matches!(&alone, Ok((_, received)) if received.problems.is_empty()));
    }
    quarantine.migrate(&place.objects_dir(), Durability::Volatile).expect("migrated");
    for options in [&["--delta-base-offset"][..], &[]] {
        let arguments = [&["pack-objects", "--stdout", "--revs", "-q", "--thin"], options].concat();
        let thin = git_ok(dir.path(), &arguments, b"main\n^main~50\n");
        let (quarantine, received) = place.unpack(&thin, &defaults()).expect("taken");
        assert_eq!(received.problems, []);
        assert_same_index(quarantine.pack_path().expect("a pack"));
    }
}

#[test]
fn objects_of_a_hook_are_checked_loose_and_packed() {
    let dir = tempfile::tempdir().expect("a directory");
    git_ok(dir.path(), &["init", "-q", "--bare", "."], b"");
    let place = Place::default();
    let stop = AtomicBool::new(false);
    let bad_tree = tree(&[("0100644", b"a", id(Kind::Blob, b"hello\n"))]);
    let bad = |pack: &mut RawPack| {
        pack.object(Kind::Blob, b"hello\n");
        pack.object(Kind::Tree, &bad_tree)
    };
    for command in [&["unpack-objects", "-q"][..], &["index-pack", "--stdin"]] {
        let mut pack = RawPack::default();
        let tree = bad(&mut pack);
        git_ok(dir.path(), command, &pack.finish());
        let received = check_existing(&dir.path().join("objects"), &place.base(), &defaults(), &stop).expect("read");
        let causes: Vec<(ObjectId, Cause)> = received.problems.iter().map(|p| (p.id, p.cause)).collect();
        assert_eq!(causes, [(tree, Cause::ZeroPaddedFilemode)], "{command:?}");
    }
    // What the mirror has already is no longer this push's fault.
    let mut pack = RawPack::default();
    bad(&mut pack);
    let (quarantine, _) = place.unpack(&pack.finish(), &defaults()).expect("taken");
    quarantine.migrate(&place.objects_dir(), Durability::Volatile).expect("migrated");
    let received = check_existing(&dir.path().join("objects"), &place.base(), &defaults(), &stop).expect("read");
    assert_eq!(received.problems, []);
}

#[test]
fn progress_is_told_and_ends_at_the_whole() {
    let place = Place::default();
    let seen = Mutex::new(Vec::new());
    let pack = chain(3000, false);
    let stop = AtomicBool::new(false);
    let note = |progress| seen.lock().expect("a lock").push(progress);
    let received = unpack(&mut &pack[..], &mut place.quarantine(), &place.base(), &defaults(), &note, &stop);
    assert!(received.is_ok());
    let seen = seen.into_inner().expect("a lock");
    let whole = Progress::Receiving { done: 3001, of: 3001, bytes: pack.len() as u64 };
    assert!(seen.len() > 2 && seen.contains(&whole), "{seen:?}");
}

/// Hands out one byte at a time, as a slow connection may.
struct Dribble<'a>(&'a [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

#[test]
fn a_pack_may_come_byte_by_byte() {
    let pack = chain(50, true);
    let place = Place::default();
    let mut input = std::io::BufReader::new(Dribble(&pack));
    let stop = AtomicBool::new(false);
    let received = unpack(&mut input, &mut place.quarantine(), &place.base(), &defaults(), &|_| {}, &stop);
    assert_eq!(received.expect("taken").objects, 51);
}
