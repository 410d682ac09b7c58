//! Objects good and bad, each tried against the real git with transfer.fsckObjects and against refgate.
//!
//! Whatever git refuses, refgate refuses, under git's own name for it. Rows that only refgate refuses say so.

#[path = "support/raw_pack.rs"]
mod raw_pack;

use gix::objs::Kind;
use raw_pack::{Place, RawPack, commit, gits, id, run_git, tree};
use refgate::model::{Limits, ObjectId};
use refgate::receive::Cause;
use std::collections::BTreeSet;

/// What the real git does with the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Git {
    Accepts,
    Refuses,
    /// Some of the versions we work with do, the older ones do not.
    NewerRefuse,
}
use Git::{Accepts, NewerRefuse, Refuses};

struct Case {
    name: String,
    objects: Vec<(Kind, Vec<u8>)>,
    git: Git,
    causes: Vec<Cause>,
}

const BLOB: &[u8] = b"hello\n";

fn blob() -> ObjectId {
    id(Kind::Blob, BLOB)
}

fn good_tree() -> ObjectId {
    id(Kind::Tree, &tree(&[("100644", b"a", blob())]))
}

fn good_commit() -> ObjectId {
    id(Kind::Commit, &commit(&good_tree(), &[]))
}

fn case(name: impl Into<String>, kind: Kind, data: impl Into<Vec<u8>>, git: Git, causes: &[Cause]) -> Case {
    Case { name: name.into(), objects: vec![(kind, data.into())], git, causes: causes.to_vec() }
}

fn tree_cases() -> Vec<Case> {
    let b = blob();
    let t = good_tree();
    let long = [b'x'; 4097];
    type Row<'a> = (&'a str, Vec<(&'a str, &'a [u8], ObjectId)>, Git, &'a [Cause]);
    let rows: Vec<Row<'_>> = vec![
        ("empty tree", vec![], Accepts, &[]),
        ("files and a directory", vec![("100644", b"a", b), ("100755", b"b", b), ("40000", b"d", t)], Accepts, &[]),
        ("symlink and gitlink", vec![("160000", b"s", t), ("120000", b"y", b)], Accepts, &[]),
        ("group-writable file", vec![("100664", b"a", b)], Accepts, &[]),
        ("world-writable file", vec![("100777", b"a", b)], Accepts, &[]),
        ("unknown type", vec![("170000", b"a", b)], Accepts, &[Cause::BadFilemode]),
        ("unsorted", vec![("100644", b"b", b), ("100644", b"a", b)], Refuses, &[Cause::TreeNotSorted]),
        (
            "directory sorted as a file",
            vec![("40000", b"a", t), ("100644", b"a-", b)],
            Refuses,
            &[Cause::TreeNotSorted],
        ),
        ("duplicate", vec![("100644", b"a", b), ("100644", b"a", b)], Refuses, &[Cause::DuplicateEntries]),
        ("file and directory", vec![("100644", b"a", b), ("40000", b"a", t)], Refuses, &[Cause::DuplicateEntries]),
        (
            "file and directory apart",
            vec![("100644", b"f", b), ("100644", b"f.b", b), ("100644", b"f.b.z", b), ("40000", b"f", t)],
            Refuses,
            &[Cause::DuplicateEntries],
        ),
        ("zero-padded mode", vec![("0100644", b"a", b)], Refuses, &[Cause::ZeroPaddedFilemode]),
        ("zero-padded directory", vec![("040000", b"a", t)], Refuses, &[Cause::ZeroPaddedFilemode]),
        ("null id", vec![("160000", b"a", ObjectId::null(gix::hash::Kind::Sha1))], Refuses, &[Cause::NullSha1]),
        ("empty name", vec![("100644", b"", b)], Refuses, &[Cause::BadTree]),
        ("slash in a name", vec![("100644", b"a/b", b)], Refuses, &[Cause::FullPathname]),
        ("dot", vec![("40000", b".", t)], Refuses, &[Cause::HasDot]),
        ("dot dot", vec![("40000", b"..", t)], Refuses, &[Cause::HasDotdot]),
        ("long name", vec![("100644", &long, b)], NewerRefuse, &[Cause::LargePathname]),
        ("longest name", vec![("100644", &long[1..], b)], Accepts, &[]),
        ("mode of letters", vec![("10x644", b"a", b)], Refuses, &[Cause::BadTree]),
        ("no mode", vec![("", b"a", b)], Refuses, &[Cause::BadTree]),
        (".gitmodules as a symlink", vec![("120000", b".gitmodules", b)], Refuses, &[Cause::GitmodulesSymlink]),
        ("gitmod~1 as a symlink", vec![("120000", b"gitmod~1", b)], Refuses, &[Cause::GitmodulesSymlink]),
        ("gi7eba~1 as a symlink", vec![("120000", b"gi7eba~1", b)], Refuses, &[Cause::GitmodulesSymlink]),
        ("x\\.gitmodules as a symlink", vec![("120000", b"x\\.gitmodules", b)], Refuses, &[Cause::GitmodulesSymlink]),
        (".gitmodules as a directory", vec![("40000", b".gitmodules", t)], Refuses, &[Cause::GitmodulesBlob]),
        (".gitattributes as a directory", vec![("40000", b".gitattributes", t)], Refuses, &[Cause::GitattributesBlob]),
        (".gitattributes as a symlink", vec![("120000", b".gitattributes", b)], Accepts, &[]),
        (".gitignore as a symlink", vec![("120000", b".gitignore", b)], Accepts, &[]),
        (".mailmap as a symlink", vec![("120000", b".mailmap", b)], Accepts, &[]),
    ];
    rows.into_iter().map(|(name, entries, git, causes)| case(name, Kind::Tree, tree(&entries), git, causes)).collect()
}

fn dotgit_cases() -> Vec<Case> {
    let refused = [
        ".git",
        ".GIT",
        ".Git",
        ".git ",
        ".git.",
        ".git. .",
        "git~1",
        "GIT~1",
        "git~1 ",
        ".git::$INDEX_ALLOCATION",
        ".g\u{200c}it",
        "\u{feff}.git",
        ".gi\u{206f}t",
        "a\\.git",
        "a\\git~1",
        ".git\\x",
        ".git:x",
    ];
    let accepted =
        [".gitx", "git~2", ".github", "..git", "git", ".gi", "a\\b", "con", "a\nb", "\u{202e}x", ".g\u{200b}it"];
    let row = |name: &str, git, causes: &[Cause]| {
        case(format!("entry {name:?}"), Kind::Tree, tree(&[("100644", name.as_bytes(), blob())]), git, causes)
    };
    let mut cases: Vec<Case> = refused.iter().map(|name| row(name, Refuses, &[Cause::HasDotgit])).collect();
    cases.extend(accepted.iter().map(|name| row(name, Accepts, &[])));
    cases.push(case("entry not UTF-8", Kind::Tree, tree(&[("100644", b"\xff\xfe", blob())]), Accepts, &[]));
    let cut = tree(&[("100644", b".git\xff", blob())]);
    cases.push(case("entry .git and a stray byte", Kind::Tree, cut, Refuses, &[Cause::HasDotgit]));
    for length in [1, 7, 8, 9, 20] {
        let whole = tree(&[("100644", b"a", blob())]);
        cases.push(case(format!("tree cut to {length}"), Kind::Tree, &whole[..length], Refuses, &[Cause::BadTree]));
    }
    cases
}

fn commit_cases() -> Vec<Case> {
    let t = format!("tree {}\n", good_tree());
    let p = format!("parent {}\n", good_commit());
    let who = |what: &str, line: &str| format!("{what} {line}\n");
    let a = who("author", "A <a@b> 1 +0000");
    let c = who("committer", "A <a@b> 1 +0000");
    let rows = vec![
        ("plain commit", format!("{t}{p}{a}{c}\nm\n"), Accepts, None),
        ("no message", format!("{t}{a}{c}"), Accepts, None),
        ("extra headers", format!("{t}{a}{c}encoding latin1\ngpgsig x\n y\nfoo\n\nm"), Accepts, None),
        ("same parent twice", format!("{t}{p}{p}{a}{c}\nm\n"), Accepts, None),
        ("no tree", format!("{p}{a}{c}\nm\n"), Refuses, Some(Cause::MissingTree)),
        ("bad tree id", format!("tree 123\n{a}{c}\nm\n"), Refuses, Some(Cause::BadTreeSha1)),
        ("tree id with a tail", format!("tree {}x\n{a}{c}\nm\n", good_tree()), Refuses, Some(Cause::BadTreeSha1)),
        ("bad parent id", format!("{t}parent 123\n{a}{c}\nm\n"), Refuses, Some(Cause::BadParentSha1)),
        ("no author", format!("{t}{c}\nm\n"), Refuses, Some(Cause::MissingAuthor)),
        ("two authors", format!("{t}{a}{a}{c}\nm\n"), Refuses, Some(Cause::MultipleAuthors)),
        ("no committer", format!("{t}{a}\nm\n"), Refuses, Some(Cause::MissingCommitter)),
        ("committer first", format!("{t}{c}{a}\nm\n"), Refuses, Some(Cause::MissingAuthor)),
        ("NUL in the header", format!("{t}{a}{c}x\0\n\nm\n"), Refuses, Some(Cause::NulInHeader)),
        ("NUL in the message", format!("{t}{a}{c}\nm\0m\n"), Refuses, Some(Cause::NulInCommit)),
        ("header without an end", format!("{t}{a}{c}x"), Refuses, Some(Cause::UnterminatedHeader)),
        ("empty commit object", String::new(), Refuses, Some(Cause::UnterminatedHeader)),
    ];
    let mut cases: Vec<Case> = rows
        .into_iter()
        .map(|(name, text, git, cause)| case(name, Kind::Commit, text, git, &Vec::from_iter(cause)))
        .collect();
    for (line, cause) in ident_lines() {
        let git = if cause.is_some() { Refuses } else { Accepts };
        let causes = Vec::from_iter(cause);
        let author = format!("{t}{}{c}\nm\n", who("author", line));
        cases.push(case(format!("author {line:?}"), Kind::Commit, author, git, &causes));
        let committer = format!("{t}{a}{}\nm\n", who("committer", line));
        cases.push(case(format!("committer {line:?}"), Kind::Commit, committer, git, &causes));
        let tag = format!("object {}\ntype commit\ntag v1\n{}\nm\n", good_commit(), who("tagger", line));
        cases.push(case(format!("tagger {line:?}"), Kind::Tag, tag, git, &causes));
    }
    cases
}

fn ident_lines() -> Vec<(&'static str, Option<Cause>)> {
    vec![
        ("A U Thor <a@b.c> 1234567890 -1200", None),
        (" <> 0 +0000", None),
        ("A <a@b>   1 +0000", None),
        ("<a@b> 1 +0000", Some(Cause::MissingNameBeforeEmail)),
        ("A> <a@b> 1 +0000", Some(Cause::BadName)),
        ("A 1 +0000", Some(Cause::MissingEmail)),
        ("A<a@b> 1 +0000", Some(Cause::MissingSpaceBeforeEmail)),
        ("A <a<b> 1 +0000", Some(Cause::BadEmail)),
        ("A <a@b 1 +0000", Some(Cause::BadEmail)),
        ("A <a@b>1 +0000", Some(Cause::MissingSpaceBeforeDate)),
        ("A <a@b>", Some(Cause::MissingSpaceBeforeDate)),
        ("A <a@b> ", Some(Cause::BadDate)),
        ("A <a@b> one +0000", Some(Cause::BadDate)),
        ("A <a@b> -1 +0000", Some(Cause::BadDate)),
        ("A <a@b> 1+0000", Some(Cause::BadDate)),
        ("A <a@b> 01 +0000", Some(Cause::ZeroPaddedDate)),
        ("A <a@b> 18446744073709551614 +0000", Some(Cause::BadDateOverflow)),
        ("A <a@b> 99999999999999999999999999 +0000", Some(Cause::BadDateOverflow)),
        ("A <a@b> 1 0000", Some(Cause::BadTimezone)),
        ("A <a@b> 1 +000", Some(Cause::BadTimezone)),
        ("A <a@b> 1 +00000", Some(Cause::BadTimezone)),
        ("A <a@b> 1 +0000 x", Some(Cause::BadTimezone)),
    ]
}

fn tag_cases() -> Vec<Case> {
    let o = format!("object {}\n", good_commit());
    let who = "tagger A <a@b> 1 +0000\n";
    let rows = vec![
        ("plain tag", format!("{o}type commit\ntag v1\n{who}\nm\n"), Accepts, None),
        ("tag without a tagger", format!("{o}type commit\ntag v1\n\nm\n"), Accepts, None),
        ("tag with a bad name", format!("{o}type commit\ntag a..b\n{who}\nm\n"), Accepts, None),
        ("tag with an extra header", format!("{o}type commit\ntag v1\n{who}x y\n\nm\n"), Accepts, None),
        ("tag of a blob", format!("object {}\ntype blob\ntag v1\n{who}\nm\n", blob()), Accepts, None),
        ("tag without an object", format!("type commit\ntag v1\n{who}\nm\n"), Refuses, Some(Cause::MissingObject)),
        (
            "tag with a bad id",
            format!("object 12\ntype commit\ntag v1\n{who}\nm\n"),
            Refuses,
            Some(Cause::BadObjectSha1),
        ),
        ("tag without a type", format!("{o}tag v1\n{who}\nm\n"), Refuses, Some(Cause::MissingTypeEntry)),
        ("tag of an unknown type", format!("{o}type branch\ntag v1\n{who}\nm\n"), Refuses, Some(Cause::BadType)),
        ("tag without a name line", format!("{o}type commit\n{who}\nm\n"), Refuses, Some(Cause::MissingTagEntry)),
        ("tag with NUL", format!("{o}type commit\ntag v\0\n{who}\nm\n"), Refuses, Some(Cause::NulInHeader)),
        ("tag without an end", format!("{o}type commit\ntag v1"), Refuses, Some(Cause::UnterminatedHeader)),
        ("tag of the wrong kind", format!("{o}type tree\ntag v1\n{who}\nm\n"), Refuses, Some(Cause::WrongLinkKind)),
    ];
    rows.into_iter().map(|(name, text, git, cause)| case(name, Kind::Tag, text, git, &Vec::from_iter(cause))).collect()
}

fn named_blob(name: &str, content: &[u8], git: Git, causes: &[Cause]) -> Case {
    let blob = (Kind::Blob, content.to_vec());
    let tree = (Kind::Tree, tree(&[("100644", name.as_bytes(), id(Kind::Blob, content))]));
    let shown = String::from_utf8_lossy(content.get(..80).unwrap_or(content)).into_owned();
    Case { name: format!("{name}: {shown:?}"), objects: vec![blob, tree], git, causes: causes.to_vec() }
}

fn gitmodules_cases() -> Vec<Case> {
    let module = |line: &str| format!("[submodule \"a\"]\n\tpath = a\n\turl = ../a\n\t{line}\n");
    let rows: Vec<(String, Git, &[Cause])> = vec![
        (module("branch = main"), Accepts, &[]),
        (module("url = https://example.com:8443/a/b.git"), Accepts, &[]),
        (module("url = git@example.com:a.git"), Accepts, &[]),
        (module("update = rebase"), Accepts, &[]),
        ("[submodule \"..x\"]\n\tpath = x\n".into(), Accepts, &[]),
        ("[submodule \"../x\"]\n\tpath = x\n".into(), Refuses, &[Cause::GitmodulesName]),
        ("[submodule \"x/..\"]\n\tpath = x\n".into(), Refuses, &[Cause::GitmodulesName]),
        ("[submodule \"x\\\\..\\\\y\"]\n\tpath = x\n".into(), Refuses, &[Cause::GitmodulesName]),
        ("[SubModule \"..\"]\n\tpath = x\n".into(), Refuses, &[Cause::GitmodulesName]),
        ("[submodule \"\"]\n\tpath = x\n".into(), Refuses, &[Cause::GitmodulesName]),
        (module("url = -u./x"), Refuses, &[Cause::GitmodulesUrl]),
        (module("URL = -u./x"), Refuses, &[Cause::GitmodulesUrl]),
        (module("url = ../a%0ab"), Refuses, &[Cause::GitmodulesUrl]),
        (module("url = git://h/a%0ab"), Refuses, &[Cause::GitmodulesUrl]),
        (module("url = https://h/a%0ab"), Refuses, &[Cause::GitmodulesUrl]),
        (module("url = https::https://h/a%0ab"), Refuses, &[Cause::GitmodulesUrl]),
        (module("url = \"https://h/a\\nb\""), Refuses, &[Cause::GitmodulesUrl]),
        (module("url = https:///a"), Refuses, &[Cause::GitmodulesUrl]),
        (module("url = http::///a"), Refuses, &[Cause::GitmodulesUrl]),
        (module("url = ../../:a"), Refuses, &[Cause::GitmodulesUrl]),
        (module("url = .././..//a"), Refuses, &[Cause::GitmodulesUrl]),
        (module("url = ext::sh -c x"), Accepts, &[Cause::GitmodulesUrl]),
        (module("path = -x"), Refuses, &[Cause::GitmodulesPath]),
        (module("path = \"a\\nb\""), Accepts, &[Cause::GitmodulesPath]),
        (module("path = \"a\rb\""), Accepts, &[Cause::GitmodulesParse]),
        (module("update = !sh"), Refuses, &[Cause::GitmodulesUpdate]),
        (module("update = \"!sh\""), Refuses, &[Cause::GitmodulesUpdate]),
        ("[submodule".into(), Accepts, &[Cause::GitmodulesParse]),
    ];
    let row = |(text, git, causes): (String, Git, &[Cause])| named_blob(".gitmodules", text.as_bytes(), git, causes);
    let mut cases: Vec<Case> = rows.into_iter().map(row).collect();
    let bad = b"[submodule \"..\"]\n\tpath = x\n";
    for name in [".GITMODULES", ".gitmodules ", "gitmod~1", "gi7eba~1", ".gitmod\u{200d}ules", "x\\.gitmodules"] {
        cases.push(named_blob(name, bad, Refuses, &[Cause::GitmodulesName]));
    }
    cases.push(named_blob("modules", bad, Accepts, &[]));
    let line = |length: usize| vec![b'x'; length];
    cases.push(named_blob(".gitattributes", &line(2047), Accepts, &[]));
    cases.push(named_blob(".gitattributes", &line(2048), Refuses, &[Cause::GitattributesLineLength]));
    cases.push(named_blob(".gitattributes", b"* text\n[attr]x y\n", Accepts, &[]));
    cases
}

fn link_cases() -> Vec<Case> {
    let missing = id(Kind::Blob, b"nowhere");
    vec![
        case("missing blob", Kind::Tree, tree(&[("100644", b"x", missing)]), Refuses, &[Cause::MissingLink]),
        case("missing tree", Kind::Commit, commit(&missing, &[]), Refuses, &[Cause::MissingLink]),
        case("missing parent", Kind::Commit, commit(&good_tree(), &[missing]), Refuses, &[Cause::ShallowParent]),
        case("blob as a directory", Kind::Tree, tree(&[("40000", b"x", blob())]), Refuses, &[Cause::WrongLinkKind]),
        case(
            "directory as a file",
            Kind::Tree,
            tree(&[("100644", b"x", good_tree())]),
            Refuses,
            &[Cause::WrongLinkKind],
        ),
        case("blob as a commit's tree", Kind::Commit, commit(&blob(), &[]), Refuses, &[Cause::WrongLinkKind]),
        case("missing gitlink", Kind::Tree, tree(&[("160000", b"x", missing)]), Accepts, &[]),
        case(
            "missing .gitmodules",
            Kind::Tree,
            tree(&[("160000", b".gitmodules", missing)]),
            Accepts,
            &[Cause::GitmodulesMissing],
        ),
    ]
}

fn pack(case: &Case) -> Vec<u8> {
    let good_tree = tree(&[("100644", b"a", blob())]);
    let good_commit = commit(&id(Kind::Tree, &good_tree), &[]);
    let mut objects = vec![(Kind::Blob, BLOB.to_vec()), (Kind::Tree, good_tree), (Kind::Commit, good_commit)];
    for object in &case.objects {
        if !objects.contains(object) {
            objects.push(object.clone());
        }
    }
    let mut pack = RawPack::default();
    for (kind, data) in objects {
        pack.object(kind, &data);
    }
    pack.finish()
}

/// What `error: object <id>: <msg-id>: …` names, or nothing if git fails before it looks that far.
fn git_msg_ids(stderr: &str) -> BTreeSet<String> {
    let errors = stderr.lines().filter_map(|line| line.strip_prefix("error: object "));
    errors.filter_map(|rest| rest.split(": ").nth(1)).map(str::to_owned).collect()
}

fn check_git(git: &str, case: &Case, pack: &[u8]) {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(run_git(git, dir.path(), &["init", "-q", "--bare", "."], b"").status.success());
    let output = run_git(git, dir.path(), &["index-pack", "--strict", "--stdin"], pack);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let refused = !output.status.success();
    match case.git {
        Accepts => assert!(!refused, "{}: {git} refuses: {stderr}", case.name),
        Refuses => assert!(refused, "{}: {git} accepts: {stderr}", case.name),
        NewerRefuse => {}
    }
    let ours: BTreeSet<String> = case.causes.iter().map(|cause| cause.as_str().to_owned()).collect();
    let mut theirs = git_msg_ids(&stderr);
    // git before 2.40 reads a sign before the date, and finds the number too large.
    if case.causes.contains(&Cause::BadDate) && theirs.remove("badDateOverflow") {
        theirs.insert("badDate".to_owned());
    }
    let missing: Vec<_> = theirs.difference(&ours).cloned().collect();
    assert!(!refused || missing.is_empty(), "{}: {git} says {missing:?}, we {ours:?}: {stderr}", case.name);
}

fn check_all(cases: Vec<Case>) {
    for case in cases {
        let bytes = pack(&case);
        let place = Place::default();
        let (_quarantine, received) = place.unpack(&bytes, &Limits::default()).expect("a well-formed pack");
        let causes: Vec<Cause> = received.problems.iter().map(|problem| problem.cause).collect();
        assert_eq!(causes, case.causes, "{}: {:?}", case.name, received.problems);
        for git in gits() {
            check_git(&git, &case, &bytes);
        }
    }
}

#[test]
fn trees() {
    check_all(tree_cases());
}

#[test]
fn names_like_dotgit() {
    check_all(dotgit_cases());
}

#[test]
fn commits_and_identities() {
    check_all(commit_cases());
}

#[test]
fn tags() {
    check_all(tag_cases());
}

#[test]
fn gitmodules_and_gitattributes() {
    check_all(gitmodules_cases());
}

#[test]
fn links() {
    check_all(link_cases());
}
