//! The known ways around a push gate, each under its number, with a push that must pass and one that must not.

use crate::support::*;
use std::io::Write as _;
use std::process::Stdio;

impl Client<'_> {
    /// Writes an object as it is given, also one that git would not make.
    pub fn raw_object(&self, kind: &str, bytes: &[u8]) -> String {
        let args = ["hash-object", "-t", kind, "-w", "--literally", "--stdin"];
        let mut child =
            self.command(&self.dir).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("git");
        child.stdin.take().expect("piped").write_all(bytes).expect("write");
        text(&child.wait_with_output().expect("git").stdout).trim().to_owned()
    }

    pub fn blob(&self, bytes: &[u8]) -> String {
        self.raw_object("blob", bytes)
    }

    /// A tree of raw entries: (octal mode, name, id).
    pub fn raw_tree(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend((0..20).map(|i| u8::from_str_radix(&id[i * 2..i * 2 + 2], 16).expect("hex")));
        }
        self.raw_object("tree", &bytes)
    }

    pub fn commit_tree(&self, tree: &str, parents: &[&str]) -> String {
        let mut args = vec!["commit-tree", tree, "-m", "raw"];
        parents.iter().for_each(|parent| args.extend(["-p", parent]));
        self.git(&args)
    }

    /// A commit on `main` whose `docs` directory is this tree (added or replaced).
    pub fn commit_docs(&self, docs: &str) -> String {
        let listed = self.git(&["ls-tree", "origin/main"]);
        let mut lines: Vec<String> =
            listed.lines().filter(|line| !line.ends_with("\tdocs")).map(str::to_owned).collect();
        lines.push(format!("040000 tree {docs}\tdocs"));
        let mut child =
            self.command(&self.dir).arg("mktree").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("git");
        child.stdin.take().expect("piped").write_all((lines.join("\n") + "\n").as_bytes()).expect("write");
        let root = text(&child.wait_with_output().expect("git").stdout).trim().to_owned();
        self.commit_tree(&root, &["origin/main"])
    }

    pub fn push_commit(&self, id: &str, name: &str) -> Pushed {
        self.push(&[&format!("{id}:{}", self.branch(name))])
    }

    pub fn reset(&self) {
        self.git(&["checkout", "-q", "-f", "--detach", "origin/main"]);
        self.git(&["clean", "-q", "-f", "-d", "-x"]);
    }
}

#[test]
fn b1_a_rename_out_of_a_protected_directory() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    client.git(&["mv", "secret/key.txt", "src/key.txt"]);
    client.commit(&[], "move");
    client.push_head("out").refused_by("secret-dir");
    client.reset();
    client.git(&["mv", "src/main.rs", "src/lib.rs"]);
    client.commit(&[], "move");
    client.push_head("in").accepted();
}

#[test]
fn b2_names_that_git_quotes() {
    let world = World::new("[rule.no-keys]\nkind = \"path\"\nmatch = [\"src/**/*.pem\"]\nthen = \"refuse\"\n");
    let client = world.clone_as("claude-1");
    for (n, name) in ["src/grün.pem", "src/a\"b.pem", "src/日本.pem"].iter().enumerate() {
        client.reset();
        client.commit(&[(name, "x\n")], "add");
        client.push_head(&format!("no{n}")).refused_by("no-keys");
    }
    for (n, name) in ["src/grün.txt", "src/a\"b.txt"].iter().enumerate() {
        client.reset();
        client.commit(&[(name, "x\n")], "add");
        client.push_head(&format!("yes{n}")).accepted();
    }
}

#[test]
fn b3_added_and_removed_again_within_one_push() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    let bad = client.commit(&[("secret/token", "x\n")], "wip");
    std::fs::remove_file(client.dir.join("secret/token")).expect("there");
    client.commit(&[("src/a.rs", "x\n")], "clean");
    let pushed = client.push_head("x");
    pushed.refused_by("secret-dir");
    assert_eq!(pushed.json()["findings"][0]["commit"], bad);
    client.reset();
    client.commit(&[("src/b.rs", "x\n")], "wip");
    std::fs::remove_file(client.dir.join("src/b.rs")).expect("there");
    client.commit(&[], "clean");
    client.push_head("y").accepted();
}

#[test]
fn b4_a_change_made_inside_a_merge() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "a\n")], "a");
    client.git(&["branch", "a"]);
    client.reset();
    client.commit(&[("src/b.rs", "b\n")], "b");
    client.git(&["merge", "-q", "--no-ff", "-m", "clean", "a"]);
    client.push_head("clean").accepted();
    client.write("secret/key.txt", "evil\n");
    client.git(&["commit", "-q", "-a", "--amend", "-m", "evil"]);
    client.push_head("evil").refused_by("secret-dir");
}

#[test]
fn b5_a_merge_that_reverts_what_main_changed() {
    let world = World::new(SECRET_RULE);
    let human = world.clone_as("dana");
    let client = world.clone_as("claude-1");
    human.commit(&[("secret/key.txt", "rotated\n")], "rotate");
    human.git(&["push", "-q", world.upstream.to_str().expect("UTF-8"), "HEAD:refs/heads/main"]);
    client.commit(&[("src/a.rs", "a\n")], "a");
    client.git(&["fetch", "-q", "origin"]);
    client.git(&["branch", "mine"]);
    client.git(&["merge", "-q", "-m", "take main in", "origin/main"]);
    client.push_head("clean").accepted();
    client.git(&["checkout", "-q", "mine"]);
    client.git(&["merge", "-q", "-s", "ours", "-m", "revert in silence", "origin/main"]);
    client.push_head("ours").refused_by("secret-dir");
}

#[test]
fn b6_a_directory_replaced_by_a_symlink_or_gitlink() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    std::fs::remove_dir_all(client.dir.join("secret")).expect("there");
    std::os::unix::fs::symlink("src", client.dir.join("secret")).expect("link");
    client.commit(&[], "link");
    client.push_head("link").refused_by("secret-dir");

    client.reset();
    let head = client.git(&["rev-parse", "HEAD"]);
    client.git(&["rm", "-q", "-r", "secret"]);
    client.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},secret")]);
    client.git(&["commit", "-q", "-m", "gitlink"]);
    client.push_head("gitlink").refused_by("secret-dir");

    client.reset();
    std::os::unix::fs::symlink("src/main.rs", client.dir.join("link")).expect("link");
    client.commit(&[], "a link of its own");
    client.push_head("own").accepted();
}

#[test]
fn b7_names_that_a_file_system_cannot_tell_apart() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    for (n, name) in ["Secret/x", "SECRET/x", "secre\u{200c}t/x", "\u{17f}ecret/x"].iter().enumerate() {
        client.reset();
        client.commit(&[(name, "x\n")], "twin");
        client.push_head(&format!("twin{n}")).refused_by("secret-dir");
    }
    let blob = client.blob(b"x\n");
    for (n, name) in ["a\\b", "a\nb", "a\tb", "a\x1b[31mb", "\u{202e}txt.exe", "CON", "aux.c", "a "].iter().enumerate()
    {
        let docs = client.raw_tree(&[("100644", name.as_bytes(), &blob)]);
        let pushed = client.push_commit(&client.commit_docs(&docs), &format!("odd{n}"));
        assert!(!pushed.ok, "{name:?} must be refused:\n{}", pushed.stderr);
        assert!(!pushed.stderr.contains('\u{202e}') && !pushed.stderr.contains("\x1b[31m"), "{:?}", pushed.stderr);
    }
    let docs = client.raw_tree(&[("100644", "grün.txt".as_bytes(), &blob)]);
    client.push_commit(&client.commit_docs(&docs), "fine").accepted();
}

#[test]
fn b8_trees_that_git_takes_only_with_fsck_off() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let blob = client.blob(b"x\n");
    let names: [&[u8]; 6] = [b"a/b", b".", b"..", b".git", b".GIT", b"git~1"];
    for (n, name) in names.iter().enumerate() {
        let docs = client.raw_tree(&[("100644", name, &blob)]);
        let pushed = client.push_commit(&client.commit_docs(&docs), &format!("name{n}"));
        assert!(!pushed.ok, "{name:?}:\n{}", pushed.stderr);
        assert!(pushed.rules().iter().any(|rule| rule.starts_with("object.")), "{:?}", pushed.rules());
    }
    let twice = client.raw_tree(&[("100644", b"a", &blob), ("100644", b"a", &blob)]);
    client.push_commit(&client.commit_docs(&twice), "twice").refused_by("object.duplicateEntries");
    let padded = client.raw_tree(&[("0100644", b"a", &blob)]);
    client.push_commit(&client.commit_docs(&padded), "padded").refused_by("object.zeroPaddedFilemode");
    let unsorted = client.raw_tree(&[("100644", b"b", &blob), ("100644", b"a", &blob)]);
    client.push_commit(&client.commit_docs(&unsorted), "unsorted").refused_by("object.treeNotSorted");
    let fine = client.raw_tree(&[("100644", b"a", &blob), ("100644", b"b", &blob)]);
    client.push_commit(&client.commit_docs(&fine), "fine").accepted();
}

#[test]
fn b9_dot_git_files_must_be_regular_blobs() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let target = client.blob(b"../README.md");
    for (n, name) in [".gitattributes", ".gitignore", ".mailmap", ".GitIgnore"].iter().enumerate() {
        let docs = client.raw_tree(&[("120000", name.as_bytes(), &target)]);
        client.push_commit(&client.commit_docs(&docs), &format!("link{n}")).refused_by("name.dot-git-file");
        let docs = client.raw_tree(&[("100644", name.as_bytes(), &target)]);
        client.push_commit(&client.commit_docs(&docs), &format!("file{n}")).accepted();
    }
}

#[test]
fn b10_modes_that_git_would_not_write() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let blob = client.blob(b"x\n");
    for mode in ["100664", "100666", "100777", "100600"] {
        let docs = client.raw_tree(&[(mode, b"a", &blob)]);
        client.push_commit(&client.commit_docs(&docs), mode).refused_by("entry.odd-mode");
    }
    for mode in ["100644", "100755"] {
        let docs = client.raw_tree(&[(mode, b"a", &blob)]);
        client.push_commit(&client.commit_docs(&docs), mode).accepted();
    }
}

#[test]
fn b10_an_executable_bit_is_seen_in_the_raw_mode() {
    let world = World::new("[rule.no-exec]\nkind = \"entry-type\"\ntypes = [\"executable\"]\nthen = \"refuse\"\n");
    let client = world.clone_as("claude-1");
    client.git(&["update-index", "--chmod=+x", "src/main.rs"]);
    client.git(&["commit", "-q", "-m", "exec"]);
    client.push_head("x").refused_by("no-exec");
    client.reset();
    client.commit(&[("src/a.rs", "x")], "plain");
    client.push_head("y").accepted();
}

#[test]
fn b11_a_submodule_bump_that_gitmodules_hides() {
    let world = World::new("[rule.no-gitlinks]\nkind = \"entry-type\"\ntypes = [\"gitlink\"]\nthen = \"refuse\"\n");
    let client = world.clone_as("claude-1");
    let head = client.git(&["rev-parse", "HEAD"]);
    client.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},src/sub")]);
    let modules = "[submodule \"sub\"]\n\tpath = src/sub\n\turl = https://example.com/sub.git\n\tignore = all\n";
    client.write("docs/readme", modules);
    client.git(&["add", "docs"]);
    client.git(&["commit", "-q", "-m", "bump"]);
    client.push_head("x").refused_by("no-gitlinks");
    client.reset();
    client.commit(&[("src/sub/file", "x")], "a directory");
    client.push_head("y").accepted();
}

#[test]
fn b12_replace_refs_and_every_ref_outside_heads_and_tags() {
    let world = World::new(SECRET_RULE);
    let human = world.clone_as("dana");
    let id = human.commit(&[("src/a.rs", "x")], "one");
    let replace = format!("HEAD:refs/replace/{id}");
    for refspec in [
        &replace,
        "HEAD:refs/notes/commits",
        "HEAD:refs/pull/1/head",
        "HEAD:refs/refgate/undo/x",
        "HEAD:refs/meta/config",
    ] {
        human.push(&[refspec]).refused_by("ref.not-allowed");
    }
    human.push(&["HEAD:refs/heads/topic"]).accepted();
    assert!(world.upstream_refs().keys().all(|name| name.starts_with("refs/heads/")));
}

#[test]
fn b13_tags_are_peeled_and_lead_to_a_commit() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    let blob = client.blob(b"x\n");
    let own = |name: &str| format!("refs/tags/agent/claude-1/{name}");
    client.push(&[&format!("{blob}:{}", own("blob"))]).refused_by("ref.not-a-commit");
    client.push(&[&format!("HEAD^{{tree}}:{}", own("tree"))]).refused_by("ref.not-a-commit");
    client.git(&["tag", "-a", "-m", "x", "to-blob", &blob]);
    client.push(&[&format!("to-blob:{}", own("to-blob"))]).refused_by("ref.not-a-commit");

    client.commit(&[("secret/key.txt", "x\n")], "behind a tag");
    client.git(&["tag", "-a", "-m", "inner", "inner"]);
    client.git(&["tag", "-a", "-m", "outer", "outer", "inner"]);
    client.push(&[&format!("outer:{}", own("outer"))]).refused_by("secret-dir");
    client.git(&["tag", "-a", "-m", "fine", "fine", "origin/main"]);
    client.push(&[&format!("fine:{}", own("fine"))]).accepted();
}

#[test]
fn b14_known_from_someone_elses_branch_is_not_judged_for_this_one() {
    let world = World::new("");
    let human = world.clone_as("dana");
    human.commit(&[("infra/main.tf", "by a human\n")], "infra");
    human.push(&["HEAD:refs/heads/agent/claude-2/theirs"]).accepted();
    let client = world.clone_as("claude-1");
    client.push(&[&format!("origin/agent/claude-2/theirs:{}", client.branch("x"))]).refused_by("write.outside-grant");
    human.push(&["HEAD:refs/heads/main"]).accepted();
    client.push(&[&format!("origin/agent/claude-2/theirs:{}", client.branch("x"))]).accepted();
}

#[test]
fn b15_a_new_ref_is_judged_like_an_update() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "x")], "fine");
    client.push_head("x").accepted();
    client.push(&["--delete", &client.branch("x")]).accepted();
    client.commit(&[("secret/key.txt", "x")], "not fine");
    client.push_head("x").refused_by("secret-dir");
}

#[test]
fn b16_going_back_to_an_old_tip_is_a_change() {
    let world = World::new(SECRET_RULE);
    let human = world.clone_as("dana");
    let branch = "refs/heads/agent/claude-1/x";
    // Before the rule, so to say: what the human pushes to the agent's branch is not the agent's doing.
    let client = world.clone_as("claude-1");
    let old = client.commit(&[("src/a.rs", "1")], "old");
    client.push_head("x").accepted();
    human.git(&["fetch", "-q", "origin"]);
    human.git(&["checkout", "-q", "--detach", &old]);
    world.write_policy(GRANTS);
    world.signal_pid("HUP", world.gate_pid());
    wait_for(|| {
        human.commit(&[("secret/key.txt", "rotated\n")], "rotate") != old && {
            human.push(&["--force", &format!("HEAD:{branch}")]).ok
        }
    });
    world.write_policy(&format!("{GRANTS}{SECRET_RULE}"));
    world.signal_pid("HUP", world.gate_pid());
    let back = format!("{old}:{branch}");
    wait_for(|| {
        let pushed = client.push(&["--force", "--dry-run", &back]);
        pushed.ok && world.log().matches("policy").count() >= 2
    });
    client.push(&["--force", &back]).refused_by("secret-dir");

    client.commit(&[("src/b.rs", "1")], "more");
    client.push_head("y").accepted();
    client.push(&["--force", &format!("{old}:{}", client.branch("y"))]).accepted();
}

#[test]
fn b17_every_new_blob_counts_with_its_size() {
    let world = World::new("[rule.small]\nkind = \"size\"\nbytes_max = 100\nthen = \"refuse\"\n");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.bin", "\0tiny")], "tiny");
    client.push_head("tiny").accepted();
    client.commit(&[("src/a.bin", &format!("\0{}", "x".repeat(99)))], "at\n\nSigned-off-by: someone");
    client.push_head("at").accepted();
    client.commit(&[("src/a.bin", &format!("\0{}", "x".repeat(100)))], "grown\n\nSigned-off-by: someone");
    client.push_head("over").refused_by("small");
}

#[test]
fn b18_patterns_are_anchored_at_both_ends() {
    let rules = "[[grant]]\nto = [\"claude-1\"]\nrepo = \"app\"\nrefs = [\"refs/heads/ma\"]\nallow = [\"create\"]\nwrite = [\"**\"]\n";
    let world = World::new(rules);
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "x")], "one");
    for name in ["refs/heads/ma2", "refs/heads/master2", "refs/heads/xma", "refs/heads/ma/x", "refs/tags/refs/heads/ma"]
    {
        client.push(&[&format!("HEAD:{name}")]).refused_by("ref.no-grant");
    }
    client.push(&["HEAD:refs/heads/ma"]).accepted();
}

#[test]
fn b20_nothing_that_the_pusher_says_switches_a_rule_off() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    client.commit(&[("secret/key.txt", "x")], "[skip ci] [skip refgate]\n\nSkip-Policy: true\n");
    for option in ["skip", "refgate.skip=true", "uploadvalidator.skip", "nokeycheck"] {
        client.push(&["-o", option, &format!("HEAD:{}", client.branch("x"))]).refused_by("secret-dir");
    }
}

#[test]
fn b21_objects_of_a_refused_push_cannot_be_fetched() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    let id = client.commit(&[("secret/key.txt", "leak\n")], "leak");
    let blob = client.git(&["rev-parse", "HEAD:secret/key.txt"]);
    client.push_head("x").refused_by("secret-dir");
    let other = world.empty_client("claude-2");
    for wanted in [&id, &blob] {
        for version in ["0", "1", "2"] {
            let output =
                other.try_git(&["-c", &format!("protocol.version={version}"), "fetch", "-q", "origin", wanted]);
            assert!(!output.status.success(), "{wanted} over version {version}");
        }
    }
    assert!(!world.upstream_has(&id));
    other.git(&["fetch", "-q", "origin", "refs/heads/main"]);
}

#[test]
fn b23_links_and_pointers_that_lead_elsewhere() {
    let world =
        World::new(&format!("{SECRET_RULE}[rule.small]\nkind = \"size\"\nbytes_max = 1000\nthen = \"refuse\"\n"));
    let client = world.clone_as("claude-1");
    for (n, target) in
        ["/etc/passwd", "../../outside", "../secret/key.txt", "../infra", "../.git/hooks"].iter().enumerate()
    {
        client.reset();
        std::os::unix::fs::symlink(target, client.dir.join("src/link")).expect("link");
        client.commit(&[], "link");
        client.push_head(&format!("link{n}")).refused_by("symlink.target");
    }
    client.reset();
    std::os::unix::fs::symlink("main.rs", client.dir.join("src/link")).expect("link");
    client.commit(&[], "link");
    client.push_head("fine").accepted();

    let pointer = |size: u32| {
        let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n")
    };
    client.reset();
    client.commit(&[("src/big.bin", &pointer(1000))], "pointer");
    client.push_head("lfs-at").accepted();
    client.commit(&[("src/big.bin", &pointer(1001))], "pointer");
    client.push_head("lfs-over").refused_by("small");
}

#[test]
fn b24_a_policy_in_the_push_means_nothing() {
    let world = World::new(SECRET_RULE);
    let human = world.clone_as("dana");
    human.commit(&[("policy.toml", ""), ("refgate.toml", ""), ("secret/key.txt", "x")], "no rules");
    human.push(&["HEAD:refs/heads/topic"]).refused_by("secret-dir");
    human.reset();
    human.commit(&[("policy.toml", "")], "a file like any other");
    human.push(&["HEAD:refs/heads/topic"]).accepted();
}

#[test]
fn b25_attributes_and_drivers_of_the_pushed_tree_mean_nothing() {
    let world = World::new(SECRET_RULE);
    let human = world.clone_as("dana");
    human.commit(
        &[(".gitattributes", "secret/** -diff binary diff=none filter=none export-ignore\n"), ("secret/key.txt", "x")],
        "hide",
    );
    human.push(&["HEAD:refs/heads/topic"]).refused_by("secret-dir");
    human.reset();
    human.commit(&[(".gitattributes", "*.png binary\n")], "fine");
    human.push(&["HEAD:refs/heads/topic"]).accepted();
}

#[test]
fn b26_a_change_split_over_several_refs_is_one_push() {
    let world = World::new("[rule.few]\nkind = \"amount\"\nfiles_max = 3\nthen = \"refuse\"\n");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/1", "x"), ("src/2", "x")], "two");
    client.commit(&[("src/3", "x"), ("src/4", "x")], "two more");
    let [aa, bb] = ["aa", "bb"].map(|name| client.branch(name));
    client.push(&[&format!("HEAD~1:{aa}"), &format!("HEAD:{bb}")]).refused_by("few");
    client.push(&[&format!("HEAD~1:{aa}")]).accepted();
}

#[test]
fn b16_a_rewind_brings_back_what_was_taken_out_and_a_new_try_does_not() {
    let rule =
        "[rule.no-mark]\nkind = \"text\"\nforbid = [\"FORBIDDEN\"]\nthen = \"refuse\"\nprincipals = [\"claude-1\"]\n";
    let world = World::new(rule);
    let (human, client) = (world.clone_as("dana"), world.clone_as("claude-1"));
    let branch = "refs/heads/agent/claude-1/x";
    let with = human.commit(&[("src/a.rs", "one\nFORBIDDEN\n")], "with");
    let without = human.commit(&[("src/a.rs", "one\n"), ("src/test.rs", "new\n")], "without");
    human.push(&[&format!("HEAD:{branch}")]).accepted();
    client.git(&["fetch", "-q", "origin"]);
    client.push(&["--force", &format!("{with}:{branch}")]).refused_by("no-mark");

    client.git(&["checkout", "-q", "--detach", &without]);
    client.write("src/test.rs", "newer\n");
    client.git(&["commit", "-qa", "--amend", "-m", "another try"]);
    client.push(&["--force", &format!("HEAD:{branch}")]).accepted();
}
