//! Clients that are not git: every byte of the conversation is the test's own, over ssh and over
//! `refgate receive-pack`. Whatever they send, nothing of it reaches the upstream and the next one is served.

use crate::support::*;
use refgate::wire::pkt_line;
use std::time::Duration;

/// One thing a client may send after the advertisement, and what it must be told.
struct Case {
    name: String,
    bytes: Vec<u8>,
    told: &'static str,
}

fn case(name: &str, bytes: impl Into<Vec<u8>>, told: &'static str) -> Case {
    Case { name: name.to_owned(), bytes: bytes.into(), told }
}

fn line(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    pkt_line::write(&mut bytes, text).expect("fits");
    bytes
}

/// Sends each over ssh and to the drop-in. None is accepted, and after each an ordinary push works.
fn all_refused(world: &World, cases: &[Case]) {
    let client = world.clone_as("claude-1");
    let (before, pid) = (world.upstream_refs(), world.gate_pid());
    for Case { name, bytes, told } in cases {
        for entrance in ["ssh", "drop-in"] {
            let mut raw =
                if entrance == "ssh" { world.raw_ssh("claude-1", &[]) } else { world.raw_drop_in("claude-1") };
            raw.send(bytes);
            let end = raw.finish();
            assert!(!end.is_ok(), "{name} over {entrance}: {end:?}");
            let text = end.text();
            assert!(text.contains(told), "{name} over {entrance} should be told {told:?}:\n{text}");
            assert!(!text.contains("internal error") && !text.contains("panicked"), "{name}: {text}");
            assert_eq!(world.upstream_refs(), before, "{name} over {entrance}");
        }
        world.unharmed(&client, pid, name);
    }
    world.record_holds();
}

/// A world, and a commit that its agent could push, with its pack.
fn with_pack(settings: &str) -> (World, String, Vec<u8>) {
    let world = World::with_settings("", settings);
    let client = world.clone_as("claude-1");
    let id = client.commit(&[("src/a.rs", "a\n")], "a");
    let pack = client.pack(&[&id, "^origin/main"]);
    (world, id, pack)
}

const OWN: &[u8] = b"refs/heads/agent/claude-1/x";

fn create(id: &str, pack: &[u8]) -> Vec<u8> {
    [commands(&[(NULL_ID, id, OWN)], CAPABILITIES), pack.to_vec()].concat()
}

#[test]
fn malformed_packets_and_commands() {
    let (world, id, _) = with_pack("");
    let command = |old: &str, new: &str, name: &[u8]| commands(&[(old, new, name)], CAPABILITIES);
    let format = "a command is";
    let cut = command(NULL_ID, &id, OWN);
    let mut cases = vec![
        case("half a length", "00", "ended within a packet"),
        case("no hex", "zzzz", "four hex digits"),
        case("a length of 3", "0003", "four hex digits"),
        case("a length over the most", "fff1", "four hex digits"),
        case("a delimiter", "0001", format),
        case("a response end", "0002", format),
        case("a packet that is cut", "0050abc", "ended within a packet"),
        case("no flush", cut[..cut.len() - 4].to_vec(), "the connection ended before the commands"),
        case("an empty command", "00040000", format),
        case("a word", [line(b"hello"), b"0000".to_vec()].concat(), format),
        case("short ids", command("00", "11", OWN), format),
        case("sha256 ids", command(&"0".repeat(64), &"1".repeat(64), OWN), format),
        case(
            "object-format=sha256",
            commands(&[(NULL_ID, &id, OWN)], "report-status object-format=sha256"),
            "not sha1",
        ),
        case("null to null", command(NULL_ID, NULL_ID, OWN), "both the null object id"),
        case("a ref twice", commands(&[(NULL_ID, &id, OWN), (NULL_ID, &id, OWN)], CAPABILITIES), "named twice"),
    ];
    let (long_part, long) = ("x".repeat(251), "xxxxxxxxx/".repeat(100));
    let (long_part, long) = (format!("refs/heads/{long_part}"), format!("refs/heads/{long}x"));
    let names = [
        ("HEAD", "starts with refs/"),
        ("../../etc/passwd", "starts with refs/"),
        ("--upload-pack=x", "starts with refs/"),
        ("", "starts with refs/"),
        ("refs/heads/a..b", "not a valid ref name"),
        ("refs/heads/../../x", "not a valid ref name"),
        ("refs/heads/\x1b[31m", "not a valid ref name"),
        ("refs/heads/a b", "not a valid ref name"),
        ("refs/heads/x\x7f", "not a valid ref name"),
        ("refs/heads/x.lock", "not a valid ref name"),
        (&long_part, "at most 250 bytes"),
        (&long, "at most 1000 bytes"),
    ];
    cases.extend(
        names
            .iter()
            .map(|(name, told)| case(&format!("the ref {name:.50}"), command(NULL_ID, &id, name.as_bytes()), told)),
    );
    all_refused(&world, &cases);
}

#[test]
fn packs_that_are_cut_or_none() {
    let (world, id, pack) = with_pack("");
    let mut cases: Vec<Case> = [0, 1, 4, 8, 11, 12, 13, 40, pack.len() - 21, pack.len() - 20, pack.len() - 1]
        .iter()
        .map(|at| case(&format!("{at} bytes of a pack"), create(&id, &pack[..*at]), "within the pack"))
        .collect();
    let mut wrong_checksum = pack.clone();
    *wrong_checksum.last_mut().expect("not empty") ^= 1;
    let mut flipped = pack.clone();
    flipped[20] ^= 0xff;
    cases.extend([
        case("garbage", create(&id, &b"what is this?".repeat(9)), "not a pack"),
        case("a wrong checksum", create(&id, &wrong_checksum), "checksum is wrong"),
        case("a flipped byte", create(&id, &flipped), "unpack Err"),
        case("version 1", create(&id, &PackWriter::default().finish_as(b"PACK", 1, 0)), "version 1 is not supported"),
        case("version 4", create(&id, &PackWriter::default().finish_as(b"PACK", 4, 0)), "version 4 is not supported"),
        case(
            "four billion objects",
            create(&id, &PackWriter::default().finish_as(b"PACK", 2, u32::MAX)),
            "pack_objects_max",
        ),
        case(
            "as many objects as may be, and none of them",
            create(&id, &PackWriter::default().finish_as(b"PACK", 2, 10_000_000)),
            "unpack Err",
        ),
        case(
            "fewer objects than it says",
            create(&id, &PackWriter::default().entry(BLOB, b"", b"x").finish_as(b"PACK", 2, 2)),
            "unpack Err",
        ),
    ]);
    all_refused(&world, &cases);
}

#[test]
fn deltas_without_a_base_and_objects_that_are_not_there() {
    let (world, id, pack) = with_pack("");
    let main = world.upstream_refs()["refs/heads/main"].clone();
    // Copies nothing, inserts one byte.
    let delta = [1, 1, 1, b'x'];
    let blob = || PackWriter::default().entry(BLOB, b"", b"x");
    let unknown = "11".repeat(20);
    let update =
        |old: &str, new: &str, pack: &[u8]| [commands(&[(old, new, OWN)], CAPABILITIES), pack.to_vec()].concat();
    let past = blob().entry(OFS_DELTA, &[0x7f], &delta).finish();
    let itself = blob().entry(OFS_DELTA, &[0], &delta).finish();
    let middle = blob().entry(OFS_DELTA, &[1], &delta).finish();
    let huge = blob().entry(OFS_DELTA, &[0xff; 12], &delta).finish();
    let missing = blob().entry(REF_DELTA, &[0x11; 20], &delta).finish();
    let wrong_size = PackWriter::default().entry(BLOB, b"", b"x");
    let distance = u8::try_from(wrong_size.offset() - 12).expect("small");
    let wrong_size = wrong_size.entry(OFS_DELTA, &[distance], &[9, 1, 1, b'x']).finish();
    let tree = format!("tree {unknown}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n");
    let no_tree = PackWriter::default().entry(COMMIT, b"", tree.as_bytes()).finish();
    let delete = commands(&[(&main, NULL_ID, OWN)], &format!("{CAPABILITIES} delete-refs"));
    all_refused(
        &world,
        &[
            case("an offset before the pack", create(&id, &past), "unpack Err"),
            case("an offset of zero", create(&id, &itself), "unpack Err"),
            case("an offset into an entry", create(&id, &middle), "no base at the offset"),
            case("an offset of 84 bits", create(&id, &huge), "unpack Err"),
            case("a base that is nowhere", create(&id, &missing), "neither in the pack nor on the server"),
            case("a delta for another base", create(&id, &wrong_size), "unpack Err"),
            case("a new value that is not in the pack", create(&unknown, &blob().finish()), "object.missing"),
            case("a tree that is not in the pack", create(&unknown, &no_tree), "is missing"),
            case("a create of a ref of another value", update(&id, &main, &pack), "fetch first"),
            case("an old value that does not exist", update(&unknown, &id, &pack), "fetch first"),
            case("a delete of a ref that is not there", delete, "fetch first"),
            case(
                "a stale old value",
                [commands(&[(&unknown, &id, b"refs/heads/main")], CAPABILITIES), pack.clone()].concat(),
                "fetch first",
            ),
        ],
    );
}

#[test]
fn small_packs_that_unfold_to_much() {
    let (world, ..) = with_pack("[limits]\nobject_bytes_max = \"1 MiB\"\ninflated_bytes_max = \"4 MiB\"");
    let client = world.clone_as("claude-1");
    let (pid, before) = (world.gate_pid(), world.upstream_refs());
    let bomb = |sizes: &[usize]| {
        for (n, size) in sizes.iter().enumerate() {
            let content: Vec<u8> = std::iter::repeat_n(b'0' + u8::try_from(n).expect("few"), *size).collect();
            std::fs::write(client.dir.join(format!("README.md.{n}")), content).expect("write");
        }
        let id = client.commit(&[], "bomb");
        let pack = client.pack(&[&id, "^origin/main"]);
        assert!(pack.len() < 100_000, "{} bytes", pack.len());
        client.git(&["reset", "-q", "--hard", "origin/main"]);
        create(&id, &pack)
    };
    let (mib, mut four) = (1 << 20, vec![1 << 20; 4]);
    for (sizes, told) in [(&[mib + 1][..], "object_bytes_max"), (&four[..], "inflated_bytes_max")] {
        let mut raw = world.raw_ssh("claude-1", &[]);
        raw.send(&bomb(sizes));
        let end = raw.finish();
        assert!(!end.is_ok() && end.text().contains(told), "{end:?}");
        world.unharmed(&client, pid, told);
    }
    assert_eq!(world.upstream_refs(), before);
    // What stays below both is judged: these paths are not the agent's.
    four.truncate(3);
    let mut raw = world.raw_ssh("claude-1", &[]);
    raw.send(&bomb(&four));
    assert!(raw.finish().text().contains("write.outside-grant"));

    // A delta that copies its base over and over.
    let base = vec![b'x'; 0xffff];
    let mut delta = vec![0xff, 0xff, 3];
    let target = 0xffff * 40;
    delta.extend([0x80 | (target & 0x7f) as u8, 0x80 | ((target >> 7) & 0x7f) as u8]);
    delta.extend([0x80 | ((target >> 14) & 0x7f) as u8, (target >> 21) as u8]);
    (0..40).for_each(|_| delta.extend([0xb0, 0xff, 0xff]));
    let writer = PackWriter::default().entry(BLOB, b"", &base);
    let distance = writer.offset() - 12;
    let mut rest = distance;
    let mut encoded = vec![(rest & 0x7f) as u8];
    rest >>= 7;
    while rest > 0 {
        rest -= 1;
        encoded.insert(0, 0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    let pack = writer.entry(OFS_DELTA, &encoded, &delta).finish();
    let mut raw = world.raw_ssh("claude-1", &[]);
    raw.send(&create(&"11".repeat(20), &pack));
    let end = raw.finish();
    assert!(end.text().contains("object_bytes_max"), "{end:?}");
    world.unharmed(&client, pid, "a delta bomb");
}

#[test]
fn trailing_bytes_are_nobodys() {
    let (world, id, pack) = with_pack("");
    let mut raw = world.raw_ssh("claude-1", &[]);
    raw.send(&[create(&id, &pack), commands(&[(NULL_ID, &id, b"refs/heads/main2")], CAPABILITIES)].concat());
    let end = raw.finish();
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/x"], id);
    assert!(!world.upstream_refs().contains_key("refs/heads/main2"));

    // A delete needs no pack; one that comes along is not read.
    let mut raw = world.raw_ssh("claude-1", &[]);
    raw.send(&[commands(&[(&id, NULL_ID, OWN)], &format!("{CAPABILITIES} delete-refs")), pack].concat());
    let end = raw.finish();
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(world.upstream_refs().len(), 1);
}

#[test]
fn clients_that_ask_for_less() {
    let (world, id, pack) = with_pack("");
    let push = |name: &str, capabilities: &str| {
        let name = format!("refs/heads/agent/claude-1/{name}");
        let mut raw = world.raw_ssh("claude-1", &[]);
        raw.send(&[commands(&[(NULL_ID, &id, name.as_bytes())], capabilities), pack.clone()].concat());
        let end = raw.finish();
        assert_eq!(world.upstream_refs().get(&name), Some(&id), "{capabilities}: {end:?}");
        end
    };
    let end = push("silent", "");
    assert!(end.report.is_none() && end.said.is_empty(), "{end:?}");
    let end = push("no-report", "side-band-64k");
    assert!(end.report.is_none() && end.said.contains("ACCEPTED"), "{end:?}");
    let end = push("no-band", "report-status");
    assert!(end.is_ok() && end.said.is_empty(), "{end:?}");
    let end = push("quiet", "report-status side-band-64k quiet");
    assert!(end.is_ok() && end.said.is_empty(), "{end:?}");
    assert!(push("v2", "report-status-v2 side-band-64k atomic unknown=x").is_ok());

    let mut raw = world.raw_ssh("claude-1", &["-o", "SetEnv=GIT_PROTOCOL=version=1"]);
    raw.send(&[commands(&[(NULL_ID, &id, b"refs/heads/agent/claude-1/v1")], CAPABILITIES), pack.clone()].concat());
    assert!(raw.finish().is_ok());

    // One that only looks and says so, and one that leaves without a word.
    for (bytes, status) in [(&b"0000"[..], Some(0)), (b"", Some(128))] {
        let mut raw = world.raw_ssh("claude-1", &[]);
        assert!(raw.advertisement.has("report-status-v2") && raw.advertisement.has("atomic"));
        raw.send(bytes);
        let end = raw.finish();
        assert_eq!((end.status, end.report), (status, None), "{bytes:?}");
    }
}

#[test]
fn many_refs_and_options_up_to_the_limit() {
    let settings = "[limits]\nref_updates_max = 3000\npush_options_max = 2\npush_option_bytes_max = 10";
    let (world, id, pack) = with_pack(settings);
    let client = world.clone_as("claude-1");
    let pid = world.gate_pid();
    let names =
        |count: usize| -> Vec<String> { (0..count).map(|n| format!("refs/heads/agent/claude-1/many/{n}")).collect() };
    let push = |count: usize| {
        let names = names(count);
        let lines: Vec<_> = names.iter().map(|name| (NULL_ID, id.as_str(), name.as_bytes())).collect();
        let mut raw = world.raw_ssh("claude-1", &[]);
        raw.send(&[commands(&lines, CAPABILITIES), pack.clone()].concat());
        raw.finish()
    };
    let end = push(3001);
    assert!(end.text().contains("ref_updates_max"), "{end:?}");
    assert_eq!(world.upstream_refs().len(), 1);
    world.unharmed(&client, pid, "too many refs");
    let end = push(3000);
    assert!(end.is_ok(), "{}", end.said);
    assert_eq!(world.upstream_refs().len(), 3001);

    let options = |name: &str, options: &[&[u8]]| {
        let name = format!("refs/heads/agent/claude-1/{name}");
        let mut bytes = commands(&[(NULL_ID, &id, name.as_bytes())], &format!("{CAPABILITIES} push-options"));
        options.iter().for_each(|option| bytes.extend(line(option)));
        bytes.extend_from_slice(b"0000");
        bytes.extend_from_slice(&pack);
        let mut raw = world.raw_ssh("claude-1", &[]);
        raw.send(&bytes);
        raw.finish()
    };
    assert!(options("two", &[b"a", b"b"]).is_ok());
    assert!(options("ten-bytes", &[b"0123456789"]).is_ok());
    let end = options("three", &[b"a", b"b", b"c"]);
    assert!(!end.is_ok() && end.text().contains("push_options_max"), "{end:?}");
    let end = options("eleven-bytes", &[b"0123456789a"]);
    assert!(!end.is_ok() && end.text().contains("push_option_bytes_max"), "{end:?}");
    world.unharmed(&client, pid, "too many options");
}

#[test]
fn a_client_that_disappears_leaves_nothing() {
    let (world, id, pack) = with_pack("");
    let client = world.clone_as("claude-1");
    let (before, pid) = (world.upstream_refs(), world.gate_pid());
    for at in [0, 12, pack.len() / 2, pack.len() - 1] {
        let mut raw = world.raw_ssh("claude-1", &[]);
        raw.send(&create(&id, &pack[..at]));
        wait_for(|| world.quarantines() == 1);
        raw.child.kill().expect("running");
        raw.child.wait().expect("an end");
        wait_for(|| world.quarantines() == 0);
        assert_eq!(world.upstream_refs(), before);
        world.unharmed(&client, pid, "a client that disappeared");
    }
    let aborted = |record: &serde_json::Value| record["record"] == "abort";
    wait_for(|| world.records().iter().filter(|record| aborted(record)).count() == 4);
    assert!(!world.upstream_has(&id));
}

#[test]
fn a_client_that_stops_talking_is_hung_up_on() {
    let (world, id, pack) = with_pack("[limits]\nidle_time_max = \"1 s\"");
    let client = world.clone_as("claude-1");
    let pid = world.gate_pid();
    for bytes in [Vec::new(), b"00".to_vec(), create(&id, &pack[..20])] {
        let mut raw = world.raw_ssh("claude-1", &[]);
        raw.send(&bytes);
        let start = std::time::Instant::now();
        raw.child.wait().expect("an end");
        assert!(start.elapsed() < Duration::from_secs(30));
        world.unharmed(&client, pid, "a silent client");
    }
}
