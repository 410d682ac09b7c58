//! What a push changes, against repositories made by the real git.

mod random;
mod repo;

use refgate::inspect::{Excess, InspectError};
use refgate::model::{Direction, Limits, Needs, ObjectId, UpdateKind};
use repo::{Repo, Run};

/// Why, base, ours, theirs, result, and what it changes.
type Merge<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, &'a [&'a str]);
/// Before, after, what is asked, and what the commit changes.
type Twin<'a> = (&'a str, &'a str, Needs, &'a [&'a str]);

/// Size, target and stated size.
type Described<'a> = (Option<u64>, Option<&'a [u8]>, Option<u64>);

const TWINS: Needs = Needs { lines: false, twins: true };
use repo::{changes_of, ids, shown};

/// A base commit on main, a push of one commit on top: what it changes.
fn one_commit(before: &str, after: &str, needs: Needs) -> Vec<String> {
    let mut repo = Repo::new();
    let main = repo.commit(&[], before);
    repo.seal();
    let new = repo.commit(&[main], after);
    let (main, new) = (repo.id(main), repo.id(new));
    let facts =
        Run::default().needs(needs).trusted("refs/heads/main", main).update("refs/heads/a", None, Some(new)).run(&repo);
    assert_eq!(facts.commits.len(), 1);
    changes_of(&facts, new)
}

#[test]
fn a_commit_changes_what_differs_from_its_parent() {
    let table: &[(&str, &str, &[&str])] = &[
        ("a=1 b=2", "a=1 b=3 c=4", &["M b", "A c"]),
        ("a=1 d/e/f=2", "d/e/f=2", &["D a"]),
        ("a=1 d/e/f=2", "a=1", &["D d/e/f"]),
        // B1: both sides of a move.
        ("secret/key=1 b=2", "open/key=1 b=2", &["A open/key", "D secret/key"]),
        // B6: a directory becomes a symlink, a gitlink, a file, and back.
        ("secret/a=1 secret/b/c=2", "l:secret=x", &["A secret", "D secret/a", "D secret/b/c"]),
        ("secret/a=1", "s:secret=ab", &["A secret", "D secret/a"]),
        ("l:d=x", "d/a=1", &["D d", "A d/a"]),
        ("l:d=x", "d=x", &["M d"]),
        // Names that sort otherwise as directories.
        ("a=1 a.b=1 a-b=1", "a/x=1 a.b=2 a-b=1", &["D a", "M a.b", "A a/x"]),
        // B10, chmod only; B11, a submodule moves.
        ("a=1", "x:a=1", &["M a"]),
        ("s:m=12 .gitmodules=ignore", "s:m=34 .gitmodules=ignore", &["M m"]),
        ("a=1", "a=1", &[]),
    ];
    for (before, after, expected) in table {
        assert_eq!(one_commit(before, after, Needs::default()), *expected, "{before} -> {after}");
    }
}

/// B2: names are raw bytes.
#[test]
fn names_are_raw_bytes() {
    let mut repo = Repo::new();
    let names: [&[u8]; 6] = [b"\xff\xfe", b"a\nb", b"q\"uote", b"t\tab", "grün/ü".as_bytes(), b"back\\slash"];
    repo.seal();
    let files = names.iter().map(|name| (name.to_vec(), (0o100644, b"x".to_vec()))).collect();
    let new = repo.commit_at(&[], files, 1);
    let new = repo.id(new);
    let facts = Run::default().update("refs/heads/a", None, Some(new)).run(&repo);
    let mut expected = names.to_vec();
    expected.sort();
    assert_eq!(facts.commits[0].changes.iter().map(|c| c.path.as_slice()).collect::<Vec<_>>(), expected);
}

/// B3: what a later commit takes away again still counts.
#[test]
fn every_commit_of_the_push_counts() {
    let mut repo = Repo::new();
    let main = repo.commit(&[], "a=1");
    repo.seal();
    let add = repo.commit(&[main], "a=1 secret=k");
    let remove = repo.commit(&[add], "a=1");
    let (main, add, remove) = (repo.id(main), repo.id(add), repo.id(remove));
    let facts = Run::default().trusted("refs/heads/main", main).update("refs/heads/a", None, Some(remove)).run(&repo);
    assert_eq!(facts.commits.iter().map(|c| c.id).collect::<Vec<_>>(), [remove, add], "parents after children");
    assert_eq!(
        (changes_of(&facts, add), changes_of(&facts, remove)),
        (vec!["A secret".into()], vec!["D secret".into()])
    );
    assert_eq!(facts.commits[0].subject, "commit 2");
    assert!(facts.commits.iter().all(|commit| commit.is_new && commit.direction == Direction::Added));
}

/// A merge of two branches off one base: what it changes.
fn merge(base: &str, ours: &str, theirs: &str, result: &str, needs: Needs) -> Vec<String> {
    let mut repo = Repo::new();
    let base = repo.commit(&[], base);
    let theirs = repo.commit(&[base], theirs);
    let ours = repo.commit(&[base], ours);
    repo.seal();
    let merge = repo.commit(&[ours, theirs], result);
    let (ours, theirs, merge) = (repo.id(ours), repo.id(theirs), repo.id(merge));
    let run = Run::default().needs(needs).trusted("refs/heads/main", theirs);
    let facts = run.update("refs/heads/a", Some(ours), Some(merge)).run(&repo);
    assert_eq!((facts.commits.len(), facts.updates[0].kind), (1, UpdateKind::Update));
    changes_of(&facts, merge)
}

/// B4, B5, and DESIGN §4.
#[test]
fn a_merge_changes_what_a_clean_merge_would_not_give() {
    let table: &[Merge<'_>] = &[
        ("main comes in", "a=1 b=1 d/x=1", "a=2 b=1 d/x=1", "a=1 b=2 d/x=2 n=1", "a=2 b=2 d/x=2 n=1", &[]),
        ("evil merge", "a=1 b=1", "a=2 b=1", "a=1 b=2", "a=2 b=2 evil=1", &["A evil"]),
        ("evil edit", "a=1 b=1 c=1", "a=2 b=1 c=1", "a=1 b=2 c=1", "a=2 b=2 c=9", &["M c"]),
        ("evil removal", "a=1 c/d=1", "a=2 c/d=1", "a=1 c/d=1 n=1", "a=2 n=1", &["D c/d"]),
        (
            "merge -s ours",
            "a=1 b=1 d/x=1",
            "a=2 b=1 d/x=1",
            "a=1 b=2 d/x=2 n=1",
            "a=2 b=1 d/x=1",
            &["M b", "M d/x", "D n"],
        ),
        ("merge -s theirs", "a=1 b=1", "a=2 b=1", "a=1 b=2", "a=1 b=2", &["M a"]),
        ("conflict, ours", "a=1", "a=2", "a=3", "a=2", &["M a"]),
        ("conflict, theirs", "a=1", "a=2", "a=3", "a=3", &["M a"]),
        ("conflict, mixed", "a=1", "a=2", "a=3", "a=4", &["M a"]),
        ("their deletion", "a=1 d/e=1", "a=2 d/e=1", "a=1", "a=2", &[]),
        ("their deletion undone", "a=1 d/e=1", "a=2 d/e=1", "a=1", "a=2 d/e=1", &["M d/e"]),
        ("both the same", "a=1", "a=2", "a=2", "a=2", &[]),
        ("both the same, undone", "a=1", "a=2", "a=2", "a=1", &["M a"]),
        ("their type change", "d/e=1 b=1", "d/e=1 b=2", "l:d=x b=1", "l:d=x b=2", &[]),
        ("type change of no one", "d/e=1 b=1", "d/e=1 b=2", "d/e=1 b=1 c=1", "l:d=x b=2 c=1", &["A d", "D d/e"]),
        ("their chmod lost", "a=1 b=1", "a=1 b=2", "x:a=1 b=1", "a=1 b=2", &["M a"]),
        ("their submodule", "s:m=12 b=1", "s:m=12 b=2", "s:m=34 b=1", "s:m=34 b=2", &[]),
        ("their submodule lost", "s:m=12 b=1", "s:m=12 b=2", "s:m=34 b=1", "s:m=12 b=2", &["M m"]),
    ];
    for (why, base, ours, theirs, result, expected) in table {
        assert_eq!(merge(base, ours, theirs, result, Needs::default()), *expected, "{why}");
    }
}

#[test]
fn a_merge_of_unrelated_histories_brings_both_in() {
    let mut repo = Repo::new();
    let one = repo.commit(&[], "a=1 same=1 both=1");
    repo.seal();
    let two = repo.commit(&[], "b=1 same=1 both=2");
    let merge = repo.commit(&[one, two], "a=1 b=1 same=1 both=1");
    let (one, two, merge) = (repo.id(one), repo.id(two), repo.id(merge));
    let facts = Run::default().update("refs/heads/a", Some(one), Some(merge)).run(&repo);
    assert_eq!(changes_of(&facts, two), ["A b", "A both", "A same"]);
    assert_eq!(changes_of(&facts, merge), ["M both"]);
}

/// Every merge base counts, not the first one found.
#[test]
fn a_criss_cross_merge_is_judged_by_both_bases() {
    let mut repo = Repo::new();
    let root = repo.commit(&[], "f=0 g=0");
    let a = repo.commit(&[root], "f=1 g=0");
    let b = repo.commit(&[root], "f=0 g=2");
    let a2 = repo.commit(&[a, b], "f=1 g=2");
    let b2 = repo.commit(&[b, a], "f=0 g=2");
    repo.seal();
    let merge = repo.commit(&[a2, b2], "f=1 g=2");
    let merge0 = repo.commit(&[a2, b2], "f=0 g=2");
    let [a2, b2, merge, merge0] = [a2, b2, merge, merge0].map(|mark| repo.id(mark));
    let bases = repo.git(&["merge-base", "--all", &a2.to_string(), &b2.to_string()], b"");
    assert_eq!(bases.split(|b| *b == b'\n').count(), 3, "two bases");
    for merge in [merge, merge0] {
        let facts = Run::default().trusted("refs/heads/b", b2).update("refs/heads/a", Some(a2), Some(merge)).run(&repo);
        assert_eq!(changes_of(&facts, merge), ["M f"], "one base has 0, the other 1: both sides are choices");
    }
}

#[test]
fn an_octopus_is_judged_by_every_pair() {
    let mut repo = Repo::new();
    let base = repo.commit(&[], "a=1 b=1 c=1 d/x=1 d/y=1 d/z=1");
    let one = repo.commit(&[base], "a=2 b=1 c=1 d/x=2 d/y=1 d/z=1");
    let two = repo.commit(&[base], "a=1 b=2 c=1 d/x=1 d/y=2 d/z=1");
    let three = repo.commit(&[base], "a=1 b=1 c=2 d/x=1 d/y=1 d/z=2");
    repo.seal();
    let clean = repo.commit(&[one, two, three], "a=2 b=2 c=2 d/x=2 d/y=2 d/z=2");
    let evil = repo.commit(&[one, two, three], "a=2 b=1 c=9 d/x=2 d/y=2 d/z=1");
    let [one, two, three, clean, evil] = [one, two, three, clean, evil].map(|mark| repo.id(mark));
    for (merge, expected) in [(clean, &[][..]), (evil, &["M b", "M c", "M d/z"][..])] {
        let run = Run::default().trusted("refs/heads/2", two).trusted("refs/heads/3", three);
        let facts = run.update("refs/heads/a", Some(one), Some(merge)).run(&repo);
        assert_eq!(changes_of(&facts, merge), expected);
    }
}

/// Too many parents for pairs: nothing is clean but what all agree on.
#[test]
fn a_merge_of_more_parents_than_anyone_makes_is_judged_as_changed() {
    for (parents, expected) in [(16, &[][..]), (17, &["M a", "A n1"][..])] {
        let mut repo = Repo::new();
        let base = repo.commit(&[], "a=1 b=1");
        let mut tips = vec![repo.commit(&[base], "a=2 b=1 n1=1")];
        for _ in 1..parents {
            tips.push(repo.commit(&[base], "a=1 b=1"));
        }
        repo.seal();
        let merge = repo.commit(&tips, "a=2 b=1 n1=1");
        let merge = repo.id(merge);
        let mut run = Run::default();
        for tip in tips {
            let id = repo.id(tip);
            run = run.trusted(&format!("refs/heads/t{tip}"), id);
        }
        let facts = run.update("refs/heads/a", None, Some(merge)).run(&repo);
        let changes: Vec<String> = changes_of(&facts, merge).iter().map(|c| c.replace("M n1", "A n1")).collect();
        assert_eq!(changes, expected);
    }
}

/// B14: a commit the mirror knows from another agent's branch counts on this ref.
#[test]
fn commits_known_from_another_branch_count() {
    let mut repo = Repo::new();
    let main = repo.commit(&[], "a=1");
    let theirs = repo.commit(&[main], "a=1 x=1");
    let theirs2 = repo.commit(&[theirs], "a=1 x=1 y=1");
    repo.seal();
    let mine = repo.commit(&[theirs2], "a=1 x=1 y=1 z=1");
    let [main, theirs, theirs2, mine] = [main, theirs, theirs2, mine].map(|mark| repo.id(mark));
    let run = |new| {
        let run = Run::default().trusted("refs/heads/main", main).upstream("refs/heads/b", theirs2);
        run.update("refs/heads/a", Some(main), Some(new)).run(&repo)
    };
    let facts = run(theirs2);
    assert_eq!(facts.commits.iter().map(|c| (c.id, c.is_new)).collect::<Vec<_>>(), [(theirs2, false), (theirs, false)]);
    assert_eq!(changes_of(&facts, theirs), ["A x"]);
    assert_eq!(run(mine).commits.iter().map(|c| c.is_new).collect::<Vec<_>>(), [true, false, false]);
    assert!(run(main).commits.is_empty(), "a trusted tip adds nothing");
}

/// B15: creating a ref is judged from what is trusted; delete and create again too.
#[test]
fn a_created_ref_is_judged_from_the_trusted_tips() {
    let mut repo = Repo::new();
    let root = repo.commit(&[], "a=1");
    let main = repo.commit(&[root], "a=2");
    let old = repo.commit(&[main], "a=3");
    repo.seal();
    let new = repo.commit(&[root], "a=4");
    let [root, main, old, new] = [root, main, old, new].map(|mark| repo.id(mark));
    let run = Run::default().trusted("refs/heads/main", main);
    let facts = run.update("refs/heads/a", Some(old), None).update("refs/heads/a", None, Some(new)).run(&repo);
    assert_eq!(facts.updates.iter().map(|u| u.kind).collect::<Vec<_>>(), [UpdateKind::Delete, UpdateKind::Create]);
    assert_eq!(ids(&facts, Direction::Added), [new]);
    assert!(ids(&facts, Direction::Dropped).is_empty(), "a delete has no commits");
    let again = Run::default().trusted("refs/heads/main", main).update("refs/heads/a", None, Some(old)).run(&repo);
    assert_eq!(ids(&again, Direction::Added), [old], "coming back is coming in");
    let at_root = Run::default().trusted("refs/heads/main", main).update("refs/heads/a", None, Some(root)).run(&repo);
    assert!(at_root.commits.is_empty());
}

/// B16: going back to an old tip undoes what came after it.
#[test]
fn a_rewind_changes_back_what_it_drops() {
    let mut repo = Repo::new();
    let main = repo.commit(&[], "a=1 secret=k d/x=1");
    let gone = repo.commit(&[main], "a=1 d/x=2 new=1");
    let kept = repo.commit(&[gone], "a=2 d/x=2 new=1");
    repo.seal();
    let other = repo.commit(&[main], "a=1 secret=k d/x=1 o=1");
    let [main, gone, kept, other] = [main, gone, kept, other].map(|mark| repo.id(mark));
    let facts = Run::default().upstream("refs/heads/x", main).update("refs/heads/a", Some(kept), Some(main)).run(&repo);
    assert_eq!(facts.updates[0].kind, UpdateKind::Rewind);
    assert!(facts.commits.iter().all(|c| c.direction == Direction::Dropped && !c.is_new));
    assert_eq!(
        (changes_of(&facts, kept), changes_of(&facts, gone).as_slice()),
        (vec!["M a".into()], ["M d/x", "D new", "A secret"].map(String::from).as_slice())
    );
    let secret = &facts.commits[1].changes[2];
    assert_eq!((secret.old.as_slice(), secret.size), (&[None][..], Some(1)), "the side that comes back is described");

    let facts =
        Run::default().upstream("refs/heads/k", gone).update("refs/heads/a", Some(kept), Some(other)).run(&repo);
    assert_eq!(ids(&facts, Direction::Dropped), [kept], "another upstream ref keeps the other commit");
    assert_eq!(ids(&facts, Direction::Added), [other]);
}

/// B26: two refs that hold a commit, rewound together, do not excuse each other.
#[test]
fn refs_rewound_by_one_push_keep_nothing_for_each_other() {
    let mut repo = Repo::new();
    let main = repo.commit(&[], "a=1");
    let shared = repo.commit(&[main], "a=2");
    repo.seal();
    let (main, shared) = (repo.id(main), repo.id(shared));
    let rewind_a = || Run::default().update("refs/heads/a", Some(shared), Some(main));
    let kept = rewind_a().upstream("refs/heads/b", shared).run(&repo);
    assert!(kept.commits.is_empty());
    for run in [
        rewind_a().update("refs/heads/b", Some(shared), Some(main)),
        rewind_a().update("refs/heads/b", Some(shared), None),
    ] {
        assert_eq!(ids(&run.run(&repo), Direction::Dropped), [shared]);
    }
}

/// B26: however a push is split over refs, each commit counts once, and for each class of refs.
#[test]
fn a_push_split_over_refs_counts_as_a_whole() {
    let mut repo = Repo::new();
    let main = repo.commit(&[], "a=1");
    repo.seal();
    let one = repo.commit(&[main], "a=1 b=1");
    let two = repo.commit(&[one], "a=1 b=1 c=1");
    let [main, one, two] = [main, one, two].map(|mark| repo.id(mark));
    let mut run = Run::default()
        .update("refs/heads/aa", None, Some(one))
        .update("refs/heads/bb", None, Some(two))
        .update("refs/heads/main", Some(main), Some(two))
        .update("refs/heads/gone", Some(main), None);
    run.trusted = vec![main];
    let facts = run.run(&repo);
    assert_eq!(facts.commits.iter().map(|c| c.id).collect::<Vec<_>>(), [two, one]);
    let groups = |facts: &refgate::model::PushFacts| {
        facts.groups.iter().map(|g| (g.updates.clone(), g.commits.clone())).collect::<Vec<_>>()
    };
    assert_eq!(groups(&facts), [(vec![0, 1], vec![0, 1]), (vec![2], vec![0, 1]), (vec![3], vec![])]);
    run.classes = vec![7, 8, 7, 7];
    let expected = [(vec![0], vec![1]), (vec![1], vec![0, 1]), (vec![2], vec![0, 1]), (vec![3], vec![])];
    assert_eq!(groups(&run.run(&repo)), expected, "another class is another walk");
}

#[test]
fn a_dropped_merge_undoes_what_it_changed_itself() {
    let mut repo = Repo::new();
    let main = repo.commit(&[], "a=1 b=1");
    let side = repo.commit(&[main], "a=1 b=2");
    let ours = repo.commit(&[main], "a=2 b=1");
    let merge = repo.commit(&[ours, side], "a=2 b=2 evil=1");
    let root = repo.commit(&[], "z=1");
    repo.seal();
    let [main, side, ours, merge, root] = [main, side, ours, merge, root].map(|mark| repo.id(mark));
    let facts = Run::default().update("refs/heads/a", Some(merge), Some(main)).run(&repo);
    assert_eq!(ids(&facts, Direction::Dropped).len(), 3);
    assert_eq!((changes_of(&facts, merge), changes_of(&facts, side)), (vec!["D evil".into()], vec!["M b".into()]));
    assert_eq!(facts.commits[0].changes[0].old.len(), 1);
    let facts = Run::default().upstream("refs/heads/m", ours).update("refs/heads/a", Some(root), Some(ours)).run(&repo);
    assert_eq!(changes_of(&facts, root), ["D z"], "a dropped root takes everything with it");
}

/// B13: every ref is peeled.
#[test]
fn tags_are_peeled_and_told_of() {
    let mut repo = Repo::new();
    let main = repo.commit(&[], "a=1");
    repo.seal();
    let new = repo.commit(&[main], "a=1 b=1");
    let (main, new) = (repo.id(main), repo.id(new));
    let inner = repo.tag(new, "commit", "v1");
    let outer = repo.tag(inner, "tag", "v1-again");
    let blob = repo.object("blob", b"hidden");
    let tree = repo.object("tree", b"");
    let blob_tag = repo.tag(blob, "blob", "b");
    let run =
        |name: &str, old, new| Run::default().trusted("refs/heads/main", main).update(name, old, Some(new)).run(&repo);

    let facts = run("refs/tags/v1", None, outer);
    let update = &facts.updates[0];
    assert_eq!((update.kind, update.commit), (UpdateKind::Create, Some(new)));
    assert_eq!(
        update.tags.iter().map(|t| (t.id, t.name.to_string())).collect::<Vec<_>>(),
        [(outer, "v1-again".into()), (inner, "v1".into())]
    );
    assert!(update.tags[0].has_tagger && update.tags[0].message == "about v1-again\n");
    assert_eq!(changes_of(&facts, new), ["A b"], "new commits behind a tag count");
    for (target, tags) in [(blob, 0), (tree, 0), (blob_tag, 1)] {
        let facts = run("refs/tags/v1", None, target);
        assert_eq!((facts.updates[0].commit, facts.updates[0].tags.len(), facts.commits.len()), (None, tags, 0));
        assert_eq!(facts.groups.len(), 1);
    }
    assert_eq!(run("refs/tags/v1", Some(main), new).updates[0].kind, UpdateKind::Rewind, "a tag does not move");
    assert_eq!(run("refs/tags/v1", Some(main), main).updates[0].kind, UpdateKind::Update);
    assert_eq!(run("refs/heads/x", Some(main), blob).updates[0].kind, UpdateKind::Rewind);
}

#[test]
fn what_an_old_value_was_is_found_from_the_mirror_alone() {
    let mut repo = Repo::new();
    let main = repo.commit(&[], "a=1");
    let main = repo.id(main);
    let blob = repo.object("blob", b"old");
    let tag = repo.tag(main, "commit", "v1");
    repo.seal();
    let new = repo.commit(&[], "a=1 b=1");
    let new = repo.id(new);
    let run = |old, new| Run::default().update("refs/heads/a", Some(old), Some(new));
    assert_eq!(run(blob, new).run(&repo).updates[0].kind, UpdateKind::Rewind);
    assert_eq!(run(tag, main).run(&repo).updates[0].kind, UpdateKind::Update, "peeled");
    // A commit that only the push has must not hide itself.
    let error = run(new, new).error(&repo);
    assert!(matches!(error, InspectError::Client(Excess::UnknownOld(_))), "{error}");
    let unknown = ObjectId::from_hex(&[b'1'; 40]).unwrap();
    assert!(matches!(run(unknown, new).error(&repo), InspectError::Client(Excess::UnknownOld(_))));
    let facts = Run::default().update("refs/heads/a", Some(unknown), None).run(&repo);
    assert_eq!(facts.updates[0].kind, UpdateKind::Delete, "what goes need not be read");
    // Nor does a trusted tip that is not in the mirror.
    let facts = Run::default().trusted("refs/heads/m", new).update("refs/heads/a", None, Some(new)).run(&repo);
    assert_eq!(ids(&facts, Direction::Added), [new]);
}

#[test]
fn missing_objects_are_an_error_and_never_nothing() {
    let mut repo = Repo::new();
    repo.seal();
    let missing = ObjectId::from_hex(&[b'1'; 40]).unwrap();
    let entry = [b"100644 a\0".as_slice(), missing.as_bytes()].concat();
    let tree = repo.object("tree", &entry);
    let commit = |tree, parent: &str| {
        format!("tree {tree}\n{parent}author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm\n").into_bytes()
    };
    let no_blob = repo.object("commit", &commit(tree, ""));
    let no_tree = repo.object("commit", &commit(missing, ""));
    let no_parent = repo.object("commit", &commit(tree, &format!("parent {missing}\n")));
    for new in [no_blob, no_tree, no_parent, missing] {
        let error = Run::default().update("refs/heads/a", None, Some(new)).error(&repo);
        assert!(matches!(error, InspectError::Internal(_)), "{error}");
        assert_eq!(error.to_string(), "internal error while reading objects");
    }
}

/// B7, CVE-2021-21300: names that meet on other file systems.
#[test]
fn twins_are_seen() {
    let quiet = Needs::default();
    let table: &[Twin<'_>] = &[
        ("Readme=1", "Readme=1 README=2", TWINS, &["A README ~Readme"]),
        ("Readme=1", "Readme=1 README=2", quiet, &["A README"]),
        ("Readme=1", "README=1", TWINS, &["A README", "D Readme"]),
        ("lib/a=1", "lib/a=1 Lib/b=1", TWINS, &["A Lib/b ~lib"]),
        ("lib/a=1", "lib/a=1 Lib/b=1", quiet, &["A Lib/b"]),
        ("lib/a=1 lib/B=2", "lib/a=1 lib/B=2 lib/A=1 lib/b.=1", TWINS, &["A lib/A ~lib/a", "A lib/b. ~lib/B"]),
        // Twins that were there before are not this commit's.
        ("a=1 A=1", "a=2 A=1", TWINS, &["M a"]),
        // A link or submodule, or a file beside a directory, is always looked at.
        ("d/x=1", "d/x=1 l:D=.git", quiet, &["A D ~d"]),
        ("d/x=1", "d/x=1 s:D=12", quiet, &["A D ~d"]),
        ("l:D=.git", "l:D=.git d/x/y=1", quiet, &["A d/x/y ~D"]),
        ("D=1", "D=1 d/x=1", quiet, &["A d/x ~D"]),
        ("a=1 A=1", "l:a=x A=1", quiet, &["M a ~A"]),
        ("a=1", "a=1 new/N=1 new/n=1", TWINS, &["A new/N ~new/n", "A new/n ~new/N"]),
    ];
    for (before, after, needs, expected) in table {
        assert_eq!(one_commit(before, after, *needs), *expected, "{before} -> {after}");
    }
    // Enough names for the table that takes the place of going through the directory.
    let many: String = (0..50).map(|n| format!(" f{n}=1")).collect();
    let all = one_commit("a=1", &format!("a=1{many} F7=1"), TWINS);
    assert_eq!(all.iter().filter(|change| change.contains('~')).collect::<Vec<_>>(), ["A F7 ~f7", "A f7 ~F7"]);
}

/// A merge may bring two names together of which each parent has one.
#[test]
fn twins_made_by_a_merge_are_seen() {
    let result = "a=1 readme=1 README=1 Lib/x=1 lib/y=1";
    let changes = merge("a=1", "a=1 readme=1 lib/y=1", "a=1 README=1 Lib/x=1", result, TWINS);
    assert_eq!(changes, ["M Lib/x ~lib", "M README ~readme"]);
    assert!(merge("a=1", "a=1 b=1", "a=1 readme=1 README=1", "a=1 b=1 readme=1 README=1", TWINS).is_empty());
    let link = merge("a=1", "a=1 d/x=1", "a=1 l:D=.git", "a=1 d/x=1 l:D=.git", Needs::default());
    assert_eq!(link, ["M D ~d"]);
}

#[test]
fn blobs_links_and_pointers_are_described() {
    let mut repo = Repo::new();
    let main = repo.commit(&[], "a=1");
    repo.seal();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 77\n".to_vec();
    let long = vec![b'x'; 5000];
    let list: [(&str, u32, Vec<u8>); 6] = [
        ("big", 0o100644, [pointer.clone(), vec![b' '; 2000]].concat()),
        ("file", 0o100644, b"12345".to_vec()),
        ("link", 0o120000, b"../x".to_vec()),
        ("long", 0o120000, long.clone()),
        ("pointer", 0o100644, pointer),
        ("sub", 0o160000, b"12".repeat(20)),
    ];
    let files = list.iter().map(|(name, mode, data)| (name.as_bytes().to_vec(), (*mode, data.clone()))).collect();
    let new = repo.commit_at(&[main], files, 1_800_000_000);
    let (main, new) = (repo.id(main), repo.id(new));
    let facts = Run::default().update("refs/heads/a", Some(main), Some(new)).run(&repo);
    let told: Vec<_> =
        facts.commits[0].changes.iter().map(|c| (c.size, c.link_target.as_deref(), c.lfs_size)).collect();
    let expected: [Described<'_>; 7] = [
        (None, None, None),
        (Some(2065), None, None),
        (Some(5), None, None),
        (Some(4), Some(b"../x"), None),
        (Some(5000), Some(&long[..4096]), None),
        (Some(65), None, Some(77)),
        (None, None, None),
    ];
    let told: Vec<_> = told.into_iter().map(|(size, link, lfs)| (size, link.map(|l| &**l as &[u8]), lfs)).collect();
    assert_eq!(told, expected);
}

#[test]
fn lines_are_counted_when_asked_for() {
    let mut repo = Repo::new();
    let text = |data: &[u8]| [(b"f".to_vec(), (0o100644, data.to_vec()))].into_iter().collect();
    let main = repo.commit_at(&[], text(b"1\n2\n3\n"), 1);
    repo.seal();
    let edit = repo.commit_at(&[main], text(b"1\nx\n3\n4\n"), 2);
    let binary = repo.commit_at(&[edit], text(b"1\nx\n\0"), 3);
    let big = repo.commit_at(&[main], text(&b"1\n".repeat(600_000)), 3);
    let [main, edit, binary, big] = [main, edit, binary, big].map(|mark| repo.id(mark));
    for (new, lines) in [(edit, 3), (binary, 7), (big, 3), (main, 0)] {
        let run = Run::default().needs(Needs { lines: true, twins: false });
        assert_eq!(run.update("refs/heads/a", Some(main), Some(new)).run(&repo).lines, Some(lines));
    }
    assert_eq!(Run::default().update("refs/heads/a", Some(main), Some(edit)).run(&repo).lines, None);
}

#[test]
fn each_limit_holds_at_its_value_and_not_one_over() {
    let mut repo = Repo::new();
    repo.seal();
    let one = repo.commit(&[], "a/b/c=1 d=1");
    let two = repo.commit(&[one], "a/b/c=2 d=1");
    let (one, two) = (repo.id(one), repo.id(two));
    let tag = repo.tag(two, "commit", "1");
    let tag = repo.tag(tag, "tag", "2");
    let run = |limits| Run::default().limits(limits).update("refs/tags/t", None, Some(tag));
    let limits = Limits { commits_max: 2, changes_max: 3, tag_depth_max: 2, path_depth_max: 2, ..Limits::default() };
    assert_eq!(ids(&run(limits.clone()).run(&repo), Direction::Added).len(), 2);
    let table = [
        (Limits { commits_max: 1, ..limits.clone() }, Excess::Commits(1)),
        (Limits { changes_max: 2, ..limits.clone() }, Excess::Changes(2)),
        (Limits { tag_depth_max: 1, ..limits.clone() }, Excess::TagDepth(1)),
        (Limits { path_depth_max: 1, ..limits.clone() }, Excess::PathDepth(1)),
    ];
    for (limits, expected) in table {
        match run(limits).error(&repo) {
            InspectError::Client(excess) => assert_eq!(excess, expected),
            other => panic!("{expected}: {other}"),
        }
    }
    // Two walks that stay below the limit each, and not together.
    let mut split = Run::default().limits(Limits { commits_max: 2, ..Limits::default() });
    let other = repo.commit(&[], "z=1");
    let other = repo.id(other);
    split = split.update("refs/heads/1", None, Some(two)).update("refs/heads/2", None, Some(other));
    split.classes = vec![0, 1];
    assert!(matches!(split.error(&repo), InspectError::Client(Excess::Commits(2))));
    let _ = one;
}

/// A few objects that unfold to more directories than there are atoms, and hold no entry.
#[test]
fn trees_without_entries_cannot_go_on_for_ever() {
    let mut repo = Repo::new();
    repo.seal();
    let mut tree = repo.object("tree", b"");
    for _ in 0..30 {
        let entry = |name: &str| [format!("40000 {name}\0").as_bytes(), tree.as_bytes()].concat();
        tree = repo.object("tree", &["a", "b", "c", "d"].map(entry).concat());
    }
    let text = format!("tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm\n");
    let commit = repo.object("commit", text.as_bytes());
    let run = Run::default().limits(Limits { changes_max: 10, ..Limits::default() });
    let error = run.update("refs/heads/a", None, Some(commit)).error(&repo);
    assert!(matches!(error, InspectError::Client(Excess::Changes(10))), "{error}");
}

#[test]
fn a_stopped_inspection_gives_no_facts() {
    let mut repo = Repo::new();
    repo.seal();
    let new = repo.commit(&[], "a=1");
    let new = repo.id(new);
    let run = Run::default().update("refs/heads/a", None, Some(new));
    assert!(matches!(run.stopped(&repo), InspectError::Stopped));
}

/// The dates of commits are the client's word.
#[test]
fn dates_decide_nothing() {
    for times in [[5, 4, 3, 2, 1, 0], [0, 9, 1, 8, 2, 7], [7, 7, 7, 7, 7, 7], [9, 0, 0, 9, 9, 0]] {
        let mut repo = Repo::new();
        let at = |repo: &mut Repo, parents: &[usize], words| {
            let time_s = times[repo.specs.len() % 6] * 1_000_000;
            repo.commit_at(parents, repo::files(words), time_s)
        };
        let root = at(&mut repo, &[], "a=1");
        let one = at(&mut repo, &[root], "a=2");
        let two = at(&mut repo, &[one], "a=3");
        let main = at(&mut repo, &[two], "a=4");
        let side = at(&mut repo, &[one], "a=2 s=1");
        repo.seal();
        let new = at(&mut repo, &[side, main], "a=4 s=1");
        let [root, one, two, main, side, new] = [root, one, two, main, side, new].map(|mark| repo.id(mark));
        let kind = |old, new| Run::default().update("refs/heads/a", Some(old), Some(new)).run(&repo).updates[0].kind;
        for (old, new, expected) in [
            (root, main, UpdateKind::Update),
            (root, new, UpdateKind::Update),
            (two, new, UpdateKind::Update),
            (side, new, UpdateKind::Update),
            (main, root, UpdateKind::Rewind),
            (side, main, UpdateKind::Rewind),
            (two, side, UpdateKind::Rewind),
        ] {
            assert_eq!(kind(old, new), expected, "{times:?}");
        }
        let facts = Run::default().trusted("refs/heads/main", main).update("refs/heads/a", None, Some(new)).run(&repo);
        assert_eq!(ids(&facts, Direction::Added).len(), 2, "{times:?}");
        assert!(changes_of(&facts, new).is_empty() && changes_of(&facts, side) == ["A s"]);
        assert!(!ids(&facts, Direction::Added).contains(&one));
    }
}

/// A line of `length` commits on one file, and what stands on it.
fn long_line(repo: &mut Repo, length: usize) -> usize {
    let mut tip = repo.commit(&[], "a=0 b=0");
    for n in 1..length {
        tip = repo.commit(&[tip], &format!("a={n} b=0"));
    }
    tip
}

/// The cost is that of the push, not that of the repository.
#[test]
fn history_is_not_walked_for_a_small_push() {
    let mut repo = Repo::new();
    let main = long_line(&mut repo, 5_000);
    let theirs = repo.commit(&[main - 10], "a=1 b=1");
    let mine = repo.commit(&[main - 20], "a=1 b=2");
    repo.seal();
    let fresh = repo.commit(&[main], "a=1 b=0");
    let ancient = repo.commit_at(&[main], repo::files("a=2 b=0"), 0);
    let behind = repo.commit(&[main - 30], "a=1 b=0");
    let merge = repo.commit(&[mine, main], "a=4999 b=2");
    let amended = repo.commit(&[main - 20], "a=1 b=3");
    let orphan = repo.commit_at(&[], repo::files("z=1"), 0);
    let main_id = repo.id(main);
    let [theirs, mine, fresh, ancient, behind, merge, amended, orphan] =
        [theirs, mine, fresh, ancient, behind, merge, amended, orphan].map(|mark| repo.id(mark));
    let create = UpdateKind::Create;
    let table = [
        ("a branch on main's tip", None, fresh, create, 1, 5),
        ("a commit dated in 1970", None, ancient, create, 1, 5),
        ("on main itself", Some(main_id), fresh, UpdateKind::Update, 1, 5),
        ("a branch from where main was", None, behind, create, 1, 50),
        ("main merged in", Some(mine), merge, UpdateKind::Update, 1, 50),
        ("an amended commit", Some(mine), amended, UpdateKind::Rewind, 2, 600),
        ("another's branch", None, theirs, create, 1, 600),
        ("a branch with no past", None, orphan, create, 1, 5),
    ];
    for (why, old, new, kind, commits, walked_max) in table {
        let run = Run::default().trusted("refs/heads/main", main_id).update("refs/heads/a", old, Some(new));
        let (facts, cost) = run.try_run(&repo).unwrap();
        assert_eq!((facts.updates[0].kind, facts.commits.len()), (kind, commits), "{why}");
        assert!(cost.commits_walked <= walked_max, "{why}: {} commits read", cost.commits_walked);
    }
}

#[test]
fn a_thousand_new_refs_cost_one_walk() {
    let mut repo = Repo::new();
    let main = long_line(&mut repo, 1_500);
    repo.seal();
    let main = repo.id(main);
    let mut run = Run::default();
    for n in 0..1_000 {
        let tip = repo.id(1_499 - n);
        run = run.update(&format!("refs/heads/a{n}"), None, Some(tip));
    }
    let (facts, cost) = run.try_run(&repo).unwrap();
    assert_eq!((facts.commits.len(), facts.groups.len(), cost.commits_walked), (1_500, 1, 1_500));
    assert_eq!(facts.commits[0].id, main);
    let each = facts.commits.windows(2).all(|pair| pair[0].parents == [pair[1].id]);
    assert!(each, "in order although several threads looked at them");
    assert!(facts.commits[..1_499].iter().all(|commit| shown(commit) == ["M a"]));
    run.limits.changes_max = 1_501;
    assert!(run.try_run(&repo).is_ok(), "a limit over all commits and threads");
    run.limits.changes_max = 1_500;
    assert!(matches!(run.error(&repo), InspectError::Client(Excess::Changes(1_500))));
}

/// Trusted tips beyond the first few count as well.
#[test]
fn every_trusted_tip_hides() {
    let mut repo = Repo::new();
    let main = long_line(&mut repo, 30);
    let side = repo.commit(&[0], "s=1");
    let side2 = repo.commit(&[side], "s=2");
    let blob = repo.object("blob", b"x");
    repo.seal();
    let new = repo.commit(&[side], "s=3");
    let (side2, new) = (repo.id(side2), repo.id(new));
    let tag = repo.tag(side2, "commit", "only-pushed");
    let mut run = Run::default().trusted("refs/tags/blob", blob).trusted("refs/tags/pushed", tag);
    for mark in 0..main {
        let id = repo.id(mark);
        run = run.trusted(&format!("refs/heads/t{mark}"), id);
    }
    let facts = run.update("refs/heads/a", None, Some(new)).run(&repo);
    assert_eq!(ids(&facts, Direction::Added).len(), 2, "side is reached from no trusted tip that the mirror has");
    let mut run = Run::default();
    for mark in 0..main {
        let id = repo.id(mark);
        run = run.trusted(&format!("refs/heads/t{mark}"), id);
    }
    let facts = run.trusted("refs/heads/side", side2).update("refs/heads/a", None, Some(new)).run(&repo);
    assert_eq!(ids(&facts, Direction::Added), [new]);
}

#[test]
fn a_large_flat_directory_is_compared_entry_by_entry() {
    let mut repo = Repo::new();
    let many = |add: &str| repo::files(&((0..20_000).map(|n| format!("d/f{n:05}=1 ")).collect::<String>() + add));
    let main = repo.commit_at(&[], many(""), 1);
    repo.seal();
    let new = repo.commit_at(&[main], many("d/f10000=2 d/F00001=1"), 2);
    let (main, new) = (repo.id(main), repo.id(new));
    let run = Run::default().needs(TWINS).trusted("refs/heads/main", main);
    let facts = run.update("refs/heads/a", None, Some(new)).run(&repo);
    assert_eq!(changes_of(&facts, new), ["A d/F00001 ~d/f00001", "M d/f10000"]);
    let facts = Run::default().needs(TWINS).update("refs/heads/a", None, Some(main)).run(&repo);
    assert_eq!(facts.commits[0].changes.len(), 20_000);
}

/// A store stays open for long; what a fetch brings to the mirror meanwhile is there all the same.
#[test]
fn objects_the_mirror_got_later_are_found() {
    let mut repo = Repo::new();
    let first = repo.late_blob(b"first");
    repo.seal();
    let new = repo.object("blob", b"new");
    let stores = repo.stores();
    let before = stores.objects();
    assert!(before.in_base(&first) && !before.in_base(&new));
    let later = repo.late_blob(b"later");
    let after = stores.objects();
    for objects in [&before, &before.clone(), &after] {
        assert!(objects.in_base(&later) && objects.header(&later).unwrap().is_some());
        assert!(objects.find(&later, &mut Vec::new()).unwrap().is_some());
        assert!(!objects.in_base(&new) && objects.find(&new, &mut Vec::new()).unwrap().is_some());
    }
    let both = repo.late_blob(b"new");
    assert!(both == new && stores.objects().in_base(&new), "in both is in the mirror");
}

/// Up to sixteen merge bases are told apart; with more, nothing that differs is clean.
#[test]
fn a_merge_with_more_bases_than_anyone_has_is_judged_as_changed() {
    for (count, expected) in [(16, &[][..]), (17, &["M b"][..])] {
        let mut repo = Repo::new();
        let root = repo.commit(&[], "a=1 b=1");
        let bases: Vec<usize> = (0..count).map(|_| repo.commit(&[root], "a=1 b=1")).collect();
        let ours = repo.commit(&bases, "a=1 b=1");
        let theirs = repo.commit(&bases, "a=1 b=2");
        repo.seal();
        let merge = repo.commit(&[ours, theirs], "a=1 b=2");
        let [ours, theirs, merge] = [ours, theirs, merge].map(|mark| repo.id(mark));
        let listed = repo.git(&["merge-base", "--all", &ours.to_string(), &theirs.to_string()], b"");
        assert_eq!(listed.iter().filter(|byte| **byte == b'\n').count(), count);
        let run = Run::default().trusted("refs/heads/main", theirs);
        let facts = run.update("refs/heads/a", Some(ours), Some(merge)).run(&repo);
        assert_eq!(changes_of(&facts, merge), expected, "{count} bases");
    }
}
