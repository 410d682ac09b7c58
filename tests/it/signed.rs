//! Rules on who wrote and signed commits and tags, with what git, ssh-keygen and gpg really make.

use crate::support::*;
use std::process::Command;

fn signed_by(keys: &str) -> String {
    format!("[rule.signed]\nkind = \"signature\"\nthen = \"refuse\"\n{keys}\n")
}

/// Makes a key pair and tells the client to sign with it; gives the public key.
fn ssh_key(client: &Client<'_>, name: &str, kind: &[&str]) -> String {
    let path = client.world.path().join(name);
    if !path.exists() {
        run(Command::new("ssh-keygen").args(["-q", "-N", "", "-C", name, "-t"]).args(kind).arg("-f").arg(&path));
    }
    let public = path.with_extension("pub");
    client.git(&["config", "gpg.format", "ssh"]);
    client.git(&["config", "user.signingkey", public.to_str().expect("UTF-8")]);
    std::fs::read_to_string(public).expect("a key").trim().to_owned()
}

#[test]
fn commits_and_tags_signed_with_ssh_keys_of_every_kind() {
    let world = World::prepare();
    world.seed();
    let maker = Client { world: &world, dir: world.path().join("seed"), principal: "claude-1".to_owned() };
    let kinds: [(&str, &[&str]); 4] = [
        ("ed", &["ed25519"]),
        ("ec", &["ecdsa", "-b", "256"]),
        ("ec521", &["ecdsa", "-b", "521"]),
        ("rsa", &["rsa", "-b", "2048"]),
    ];
    let keys: Vec<String> = kinds.iter().map(|(name, kind)| format!("{:?}", ssh_key(&maker, name, kind))).collect();
    drop(maker);
    let mut world = world;
    world.write_policy(&format!("{GRANTS}{}", signed_by(&format!("by = \"principal\"\nkeys = [{}]", keys.join(", ")))));
    world.write_settings("");
    world.start();

    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "1\n")], "unsigned");
    let refused = client.push_head("x");
    refused.refused_by("signed");
    assert!(refused.stderr.contains("a commit must be signed here: it is not signed"), "{}", refused.stderr);

    // As the fix says, with the key of the push.
    ssh_key(&client, "claude-1", &[]);
    client.git(&["commit", "-q", "--amend", "--no-edit", "-S"]);
    client.push_head("x").accepted();
    for (name, kind) in kinds {
        ssh_key(&client, name, kind);
        client.write("src/a.rs", name);
        client.git(&["commit", "-q", "-a", "-S", "-m", "two paragraphs\n\nand trailing space  \n"]);
        client.git(&["tag", "-s", "-m", "signed", name]);
        client
            .push(&["HEAD:refs/heads/agent/claude-1/x", &format!("{name}:refs/tags/agent/claude-1/{name}")])
            .accepted();
    }
    client.git(&["tag", "-a", "-m", "not signed", "plain"]);
    client.push(&["plain:refs/tags/agent/claude-1/plain"]).refused_by("signed");

    // Somebody else's key, and a signature taken from another commit.
    ssh_key(&client, "claude-2", &[]);
    client.git(&["commit", "-q", "--amend", "--no-edit", "-S"]);
    let other = client.push(&["--force", "HEAD:refs/heads/agent/claude-1/x"]);
    other.refused_by("signed");
    assert!(other.stderr.contains("a key that is not allowed here"), "{}", other.stderr);
    ssh_key(&client, "ed", &[]);
    client.git(&["commit", "-q", "--amend", "--no-edit", "-S"]);
    let raw = client.git(&["cat-file", "commit", "HEAD"]).replace("two paragraphs", "three paragraphs");
    client.write("raw", &format!("{raw}\n"));
    let forged = client.git(&["hash-object", "-w", "-t", "commit", "raw"]);
    let forged = client.push(&["--force", &format!("{forged}:refs/heads/agent/claude-1/x")]);
    forged.refused_by("signed");
    assert!(forged.stderr.contains("its signature is not over this object"), "{}", forged.stderr);
}

/// A signed merge carries a `mergetag` with a signature of its own.
#[test]
fn a_merge_of_a_signed_tag_is_signed_as_a_whole() {
    let world = World::new(&signed_by("by = \"principal\""));
    let client = world.clone_as("claude-1");
    ssh_key(&client, "claude-1", &[]);
    client.git(&["config", "commit.gpgsign", "true"]);
    client.commit(&[("src/a.rs", "1\n")], "one");
    client.git(&["tag", "-s", "-m", "signed", "v1"]);
    client.git(&["checkout", "-q", "-b", "side", "origin/main"]);
    client.commit(&[("src/b.rs", "1\n")], "two");
    client.git(&["merge", "-q", "--no-edit", "v1"]);
    assert!(client.git(&["cat-file", "commit", "HEAD"]).contains("\nmergetag object"));
    client.push_head("x").accepted();
}

#[test]
fn commits_and_tags_signed_with_gpg() {
    if Command::new("gpg").arg("--version").output().is_err() {
        eprintln!("there is no gpg here; src/policy/rules/signature/openpgp.rs tests with keys of its own");
        return;
    }
    let mut world = World::prepare();
    world.seed();
    // The path of gpg's socket is short, or gpg does not start.
    let home = tempfile::Builder::new().prefix("g").tempdir().expect("a directory");
    let gpg = |args: &[&str]| {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--homedir"]).arg(home.path()).args([
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ]);
        run(command.args(args))
    };
    // Made before the fixed dates of the harness' commits.
    let time = "--faked-system-time=1600000000";
    gpg(&[time, "--quick-gen-key", "Dana <dana@acme.dev>", "ed25519", "cert", "never"]);
    let listed = gpg(&["--with-colons", "--list-keys"]);
    let primary =
        listed.lines().find_map(|line| line.strip_prefix("fpr:")).expect("a key").trim_matches(':').to_owned();
    gpg(&[time, "--quick-add-key", &primary, "rsa2048", "sign", "never"]);
    let public = gpg(&["--armor", "--export", "dana@acme.dev"]);
    gpg(&[time, "--quick-gen-key", "Eve <eve@acme.dev>", "ed25519", "sign", "never"]);
    world.write_policy(&format!("{GRANTS}{}", signed_by(&format!("keys = '''\n{public}\n'''"))));
    world.write_settings("");
    world.start();
    let client = world.clone_as("claude-1");
    client.git(&["config", "gpg.program", &program(&world, home.path())]);
    client.git(&["config", "user.signingkey", "dana@acme.dev"]);
    client.write("src/a.rs", "1\n");
    client.git(&["add", "-A"]);
    client.git(&["commit", "-q", "-S", "-m", "signed"]);
    client.git(&["tag", "-s", "-m", "signed", "v1"]);
    client.push(&["HEAD:refs/heads/agent/claude-1/x", "v1:refs/tags/agent/claude-1/v1"]).accepted();
    client.git(&["config", "user.signingkey", "eve@acme.dev"]);
    client.git(&["commit", "-q", "--amend", "-S", "-m", "signed by another"]);
    client.push(&["--force", "HEAD:refs/heads/agent/claude-1/x"]).refused_by("signed");
    let _ = Command::new("gpgconf").arg("--homedir").arg(home.path()).args(["--kill", "all"]).status();
}

/// A `gpg` of this test alone.
fn program(world: &World, home: &std::path::Path) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = world.path().join("gpg");
    let script = format!(
        "#!/bin/sh\nexec gpg --homedir '{}' --batch --pinentry-mode loopback --passphrase '' \"$@\"\n",
        home.display()
    );
    std::fs::write(&path, script).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    path.to_str().expect("UTF-8").to_owned()
}

/// What each fix of a refused push says is run as it is; then the push passes.
#[test]
fn the_fixes_of_authors_and_messages_lead_to_a_push_that_passes() {
    let mut world = World::prepare();
    world.seed();
    let rules = "[rule.who]\nkind = \"identity\"\nthen = \"refuse\"\nauthor = \"principal\"\ncommitter = \"principal\"\n\
                 sponsor_trailer = \"Co-authored-by\"\n[rule.say]\nkind = \"message\"\nthen = \"refuse\"\n\
                 trailers = [\"Signed-off-by\"]\n";
    world.write_policy(&format!("{GRANTS}{rules}"));
    let policy = world.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).expect("a policy");
    let text =
        text.replace("[agent.claude-1]\n", "[agent.claude-1]\nemails = \"claude@acme.dev\"\nsponsor = \"dana\"\n");
    let text = text.replace("[human.dana]\n", "[human.dana]\nemails = \"dana@acme.dev\"\nnames = \"Dana D\"\n");
    std::fs::write(policy, text).expect("written");
    world.write_settings("");
    world.start();
    let client = world.clone_as("claude-1");
    client.git(&["config", "user.email", "agent@example.com"]);
    client.commit(&[("src/a.rs", "1\n")], "one");
    for _ in 0..4 {
        let pushed = client.push_head("x");
        assert!(!pushed.ok, "{}", pushed.stderr);
        let fix = pushed.json()["findings"][0]["fix"].as_str().expect("a fix").to_owned();
        let command = fix.strip_suffix(", push again").unwrap_or_else(|| panic!("{fix}"));
        let mut sh = Command::new("sh");
        sh.current_dir(&client.dir).env_clear();
        let git = client.command(&client.dir);
        // Their own settings are what agents commit with.
        let settings = git.get_envs().filter(|(key, _)| *key != "GIT_COMMITTER_EMAIL");
        sh.envs(settings.filter_map(|(key, value)| Some((key, value?))));
        run(sh.args(["-c", command]));
    }
    client.push_head("x").accepted();
}
