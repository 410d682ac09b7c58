//! Level B: the decision is in the log, which witnesses have seen; and every way of pretending so.

use crate::ledger::{Files, Ledger, is, leaf, name, proof_path, signer};
use refgate::tlog::{Cosigner, Log, SignedCheckpoint};
use std::collections::BTreeMap;

const B: [&str; 2] = ["--level", "B"];

/// The last decision's line.
fn last(ledger: &Ledger) -> String {
    ledger.leaves.last().expect("some").0.clone()
}

fn replace(files: &mut Files, path: &str, from: &str, to: &str) {
    let text = String::from_utf8(files[path].clone()).expect("UTF-8");
    assert!(text.contains(from), "{from} in {text}");
    files.insert(path.to_owned(), text.replace(from, to).into_bytes());
}

#[test]
fn a_decision_is_proven_by_its_file_or_by_the_tiles() {
    let (mut ledger, clone) = Ledger::of_three();
    let trust = ledger.trust(2, None);
    let (code, said) = ledger.ask(&clone, &trust, &B);
    assert_eq!((code, &said["reached"], &said["log"]["minimum"]), (0, &"B".into(), &"unset".into()), "{said}");
    assert_eq!((&said["log"]["index"], &said["log"]["size"]), (&2.into(), &3.into()));
    assert_eq!(said["log"]["cosigned"].as_array().map(Vec::len), Some(2));
    assert_eq!(ledger.answer(&clone, &trust, &[]), is(0, "B", "-"), "and says so if only level A is asked for");

    let seen = ledger.cosigned(&[0, 1], 0);
    let whole = ledger.files(&seen);
    let without = |drop: &str| -> Files {
        whole.iter().filter(|(path, _)| !path.starts_with(drop)).map(|(p, b)| (p.clone(), b.clone())).collect()
    };
    for (files, answer) in [
        (without("proof/"), is(0, "B", "-")),
        (without("tile/"), is(0, "B", "-")),
        (without("checkpoint"), is(0, "B", "-")),
        (BTreeMap::from([("x".to_owned(), b"y".to_vec())]), is(1, "A", "no-proof")),
    ] {
        ledger.show(&clone, &files);
        assert_eq!(ledger.answer(&clone, &trust, &B), answer, "{:?}", files.keys());
    }
    // A proof from before the witnesses had answered: the tiles are below a checkpoint that they have seen.
    let mut early = whole.clone();
    let unseen = ledger.cosigned(&[0], 0);
    early.extend(ledger.files(&unseen).into_iter().filter(|(path, _)| path.starts_with("proof/")));
    ledger.show(&clone, &early);
    assert_eq!(ledger.answer(&clone, &trust, &B), is(0, "B", "-"));
}

#[test]
fn a_log_of_many_tiles_is_searched() {
    let mut ledger = Ledger::new();
    ledger.accept(|_| {});
    let others: Vec<String> = (0..600).map(|n| format!("other {n}")).collect();
    ledger.log.append(&others).expect("appended");
    ledger.publish(|files| files.retain(|path, _| !path.starts_with("proof/")));
    let clone = ledger.clone();
    let (code, said) = ledger.ask(&clone, &ledger.trust(2, None), &B);
    assert_eq!((code, &said["log"]["index"], &said["log"]["size"]), (0, &0.into(), &601.into()), "{said}");
}

#[test]
fn an_altered_leaf_or_proof_proves_nothing() {
    let (mut ledger, clone) = Ledger::of_three();
    let trust = ledger.trust(2, None);
    let seen = ledger.cosigned(&[0, 1], 0);
    let whole = ledger.files(&seen);
    let line = last(&ledger);
    let file = proof_path(&line);
    let show = |change: &dyn Fn(&mut Files), answer| {
        let mut files = whole.clone();
        change(&mut files);
        ledger.show(&clone, &files);
        assert_eq!(ledger.answer(&clone, &trust, &B), answer);
    };
    let no_tiles = |files: &mut Files| files.retain(|path, _| !path.starts_with("tile/"));
    let no_proofs = |files: &mut Files| files.retain(|path, _| !path.starts_with("proof/"));
    // The leaf's hash is another's.
    show(
        &|files| {
            no_proofs(files);
            files.get_mut("tile/0/000.p/3").expect("the tile")[64..].copy_from_slice(leaf("other").as_bytes());
        },
        is(1, "A", "not-in-log"),
    );
    // It is there, in a tree that the log has not signed.
    show(
        &|files| {
            no_proofs(files);
            files.get_mut("tile/0/000.p/3").expect("the tile")[..32].copy_from_slice(leaf("other").as_bytes());
        },
        is(1, "A", "proof"),
    );
    // The proof of another decision, or of another place.
    let first = ledger.leaves[0].0.clone();
    show(
        &|files| {
            no_tiles(files);
            files.insert(file.clone(), files[&proof_path(&first)].clone());
        },
        is(1, "A", "proof"),
    );
    show(
        &|files| {
            no_tiles(files);
            replace(files, &file, "index 2", "index 3");
        },
        is(1, "A", "proof"),
    );
    show(
        &|files| {
            no_tiles(files);
            replace(files, &file, "tlog-proof@v1", "tlog-proof@v2");
        },
        is(1, "A", "proof-form"),
    );
    // A larger size is not what was signed.
    show(&|files| replace(files, "checkpoint", "\n3\n", "\n4\n"), is(1, "A", "log-signature"));
    show(&|files| drop(files.insert("checkpoint".to_owned(), vec![0xff; 10])), is(1, "A", "log-signature"));
}

#[test]
fn too_few_or_forged_cosignatures_prove_nothing() {
    let (mut ledger, clone) = Ledger::of_three();
    let one = ledger.cosigned(&[1], 0);
    let files = ledger.files(&one);
    ledger.show(&clone, &files);
    for (quorum, answer) in [(0, is(0, "B", "-")), (1, is(0, "B", "-")), (2, is(1, "A", "quorum"))] {
        assert_eq!(ledger.answer(&clone, &ledger.trust(quorum, None), &B), answer);
    }
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &[]), is(0, "A", "quorum"), "it is still level A");

    // In the name of the first witness, by somebody else; and of the witness, over another text.
    let text = one.to_string();
    let signed = ledger.cosigned(&[0, 1], 0).to_string();
    let own = signed.lines().find(|line| line.contains("one.example")).expect("a line").to_owned();
    let mut forged = own.clone().into_bytes();
    let at = forged.len() - 10;
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let forged = SignedCheckpoint::open(
        format!("{text}{}\n", String::from_utf8(forged).expect("UTF-8")).as_bytes(),
        signer().verifying_key(),
    )
    .expect("signed by the log");
    let files = ledger.files(&forged);
    ledger.show(&clone, &files);
    assert_eq!(ledger.answer(&clone, &ledger.trust(1, None), &B), is(1, "A", "cosignature-forged"));

    // A witness of the same name whose key is not trusted does not count.
    let stranger = Cosigner::from_seed(name("one.example"), &[99; 32]);
    let mut other =
        refgate::tlog::Witness::open(&ledger.world.path("stranger"), stranger, vec![signer().verifying_key().clone()])
            .expect("a witness");
    let request = refgate::tlog::AddCheckpoint {
        old_size: 0,
        proof: Vec::new(),
        checkpoint: ledger.log.checkpoint().note().clone(),
    };
    let line = other.add_checkpoint(request.to_string().as_bytes(), 1000).expect("an answer").body;
    let strange = SignedCheckpoint::open(format!("{text}{line}").as_bytes(), signer().verifying_key()).expect("signed");
    let files = ledger.files(&strange);
    ledger.show(&clone, &files);
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &B), is(1, "A", "quorum"));
}

#[test]
fn a_rewritten_log_proves_nothing() {
    let (mut ledger, clone) = Ledger::of_three();
    let known = ledger.cosigned(&[0, 1], 0);
    let old = ledger.files(&known);
    // The log's keeper writes it anew without its first entry: no witness signs that.
    let mut again = Log::create(&ledger.world.path("again"), signer()).expect("a log");
    let line = last(&ledger);
    again.append(&["x".to_owned(), "y".to_owned(), line.clone(), "z".to_owned()]).expect("appended");
    std::mem::swap(&mut ledger.log, &mut again);
    std::fs::rename(ledger.world.path("log"), ledger.world.path("log.old")).expect("renamed");
    std::fs::rename(ledger.world.path("again"), ledger.world.path("log")).expect("renamed");
    let forked = SignedCheckpoint::open(
        &std::fs::read(ledger.world.path("log/checkpoint")).expect("read"),
        signer().verifying_key(),
    )
    .expect("signed");
    let leaves = std::mem::take(&mut ledger.leaves);
    let new = ledger.files(&forked);
    ledger.leaves = leaves;

    ledger.show(&clone, &new);
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &B), is(1, "A", "quorum"));
    // Without witnesses, the trust file's checkpoint still tells.
    assert_eq!(ledger.answer(&clone, &ledger.trust(0, Some(&known)), &B), is(1, "A", "log-rewritten"));
    // And the old proof beside the new tiles shows two faces of the log, witnesses or not.
    let mut both = new.clone();
    both.extend(old.into_iter().filter(|(path, _)| path.starts_with("proof/")));
    ledger.show(&clone, &both);
    for quorum in [0, 2] {
        assert_eq!(ledger.answer(&clone, &ledger.trust(quorum, None), &B), is(1, "A", "log-rewritten"));
    }
}

#[test]
fn a_log_goes_on_from_the_checkpoint_of_the_trust_file() {
    let mut ledger = Ledger::new();
    ledger.accept(|_| {});
    let first = ledger.cosigned(&[0, 1], 0);
    let old = ledger.files(&first);
    ledger.publish(|_| {});
    let clone = ledger.clone();
    let minimum = |ledger: &Ledger, known: &SignedCheckpoint, answer: &str| {
        let (code, said) = ledger.ask(&clone, &ledger.trust(2, Some(known)), &B);
        assert_eq!((code, said["log"]["minimum"].as_str()), (0, Some(answer)), "{said}");
    };
    minimum(&ledger, &first, "same");

    // The log has grown; the commit is the one of before.
    let others: Vec<String> = (0..300).map(|n| format!("other {n}")).collect();
    ledger.log.append(&others).expect("appended");
    let second = ledger.cosigned(&[0, 1], 0);
    ledger.show(&clone, &old);
    // A checkpoint from before is held back.
    let trust = ledger.trust(2, Some(&second));
    assert_eq!(ledger.answer(&clone, &trust, &B), is(1, "A", "log-rolled-back"));
    let grown = ledger.files(&second);
    // A proof from before, below tiles from after.
    let mut mixed = grown.clone();
    mixed.extend(old.clone().into_iter().filter(|(path, _)| path.starts_with("proof/")));
    for files in [&grown, &mixed] {
        ledger.show(&clone, files);
        minimum(&ledger, &second, "same");
        let expected = if std::ptr::eq(files, &grown) { "extended" } else { "same" };
        minimum(&ledger, &first, expected);
    }
    let mut bare = grown.clone();
    bare.retain(|path, _| !path.starts_with("tile/"));
    ledger.show(&clone, &bare);
    minimum(&ledger, &first, "unchecked");
    // The new proof beside the old checkpoint.
    let mut back = grown;
    back.insert("checkpoint".to_owned(), old["checkpoint"].clone());
    ledger.show(&clone, &back);
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &B), is(1, "A", "log-rolled-back"));
}

#[test]
fn the_age_is_that_of_the_cosignatures() {
    let (mut ledger, clone) = Ledger::of_three();
    let old = ledger.cosigned(&[0, 1], 7200);
    let files = ledger.files(&old);
    ledger.show(&clone, &files);
    let trust = ledger.trust(2, None);
    let aged = |age| ["--level", "B", "--max-age", age];
    assert_eq!(ledger.answer(&clone, &trust, &aged("3h")), is(0, "B", "-"));
    assert_eq!(ledger.answer(&clone, &trust, &aged("1h")), is(1, "A", "stale"));
    // The statement is ten minutes old; at level A that is what counts.
    assert_eq!(ledger.answer(&clone, &trust, &["--max-age", "1h"]), is(0, "B", "-"));
    assert_eq!(ledger.answer(&clone, &trust, &["--max-age", "300"]), is(1, "-", "too-old"));
    // The same checkpoint signed again: the proof file is old, the tiles are below a fresh one.
    let mut fresh = files;
    fresh.insert("checkpoint".to_owned(), ledger.cosigned(&[0, 1], 0).to_string().into_bytes());
    ledger.show(&clone, &fresh);
    assert_eq!(ledger.answer(&clone, &trust, &aged("1h")), is(0, "B", "-"));
    // Nobody but a witness says when.
    assert_eq!(ledger.answer(&clone, &trust, &aged("soon")), is(2, "-", "usage"));
}

#[test]
fn without_a_log_level_b_cannot_be_checked() {
    let (ledger, clone) = Ledger::of_three();
    let own = ledger.world.trust();
    assert_eq!(ledger.answer(&clone, &own, &B), is(2, "A", "log-not-trusted"));
    assert_eq!(ledger.answer(&clone, &own, &[]), is(0, "A", "log-not-trusted"));
    crate::support::git(&clone, &["update-ref", "-d", "refs/refgate/log"]);
    let trust = ledger.trust(2, None);
    let (code, said) = ledger.ask(&clone, &trust, &B);
    assert_eq!((code, &said["reason"]), (2, &"no-log".into()), "{said}");
    let fetch = said["fetch"].as_str().expect("a command");
    assert_eq!(fetch, "git fetch --depth=1 origin refs/refgate/log:refs/refgate/log");
    let words: Vec<&str> = fetch.split(' ').skip(1).collect();
    crate::support::git(&clone, &words);
    assert_eq!(ledger.answer(&clone, &trust, &B), is(0, "B", "-"));
    // Under another name, as a gate may publish it.
    crate::support::git(&clone, &["update-ref", "refs/remotes/origin/refgate/log", "refs/refgate/log"]);
    crate::support::git(&clone, &["update-ref", "-d", "refs/refgate/log"]);
    let named = ["--level", "B", "--log", "origin/refgate/log"];
    assert_eq!(ledger.answer(&clone, &trust, &named), is(0, "B", "-"));
}
