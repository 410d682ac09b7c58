//! Each edit on small policies as whole texts, and on the policies of this repository by what must stay.

use super::*;
use crate::policy::testing::OPEN;
use std::path::PathBuf;

const DANA: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEk9pVuMSQMOgiDEXCnjl/gyVFaGQTXCxFKLMNA3lkRG";
const LEE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
const NEW: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

/// All the shapes a policy is written in.
const TEXT: &str = r#"# The top.
[agent.claude-1]
keys = ["KEY1 a"] # on the laptop
sponsor = "dana"
# below claude-1

# above claude-2
[agent.claude-2]
principals = ["claude-2"]

[human.dana]
keys = [
    # the first
    "KEY2 dana", # at work
]
[human]
lee = { emails = "lee@acme.dev" }

[group]
owners = ["dana", "lee"]
bots = [
    "claude-1", # the old one
    "claude-2"  # the new one
]
alone = "claude-2"

# for all
[[grant]]
to = ["claude-*"]
repo = "app"
refs = "refs/heads/agent/{principal}/**"
allow = ["create", "update"]
write = ["src/**"]
# a quota
[grant.quota]
pushes = "60/hour"

[[grant]]
to = ["claude-2", "lee"]
repo = "app"
# only to read
read = "refs/heads/**"

[[grant]]
# for one
to = "claude-2"
repo = "lib"

[[grant]]
to = ["alone", "dana"]
repo = ["app", "lib"]
refs = "refs/heads/main"
allow = ["update"]
write = "**"

# the last
[rule.ci-files]
kind = "path"
match = ".github/**"
then = "hold"
approvers = ["owners", "lee"]
"#;

fn text() -> String {
    TEXT.replace("KEY1", LEE).replace("KEY2", DANA)
}

fn name(name: &str) -> PrincipalName {
    PrincipalName::parse(name).expect("a name")
}

fn repo(name: &str) -> Option<RepoName> {
    RepoName::parse(name).ok()
}

fn keys(text: &str) -> Vec<NewKey> {
    NewKey::parse_all(text.as_bytes()).expect("keys")
}

fn agent(new: &str, sponsor: Option<&str>) -> Edit {
    let sponsor = sponsor.map(name);
    let (kind, keys) = (PrincipalKind::Agent, keys(&format!("{NEW} n@host\n")));
    Edit::AddPrincipal(NewPrincipal { kind, name: name(new), keys, sponsor, emails: Vec::new() })
}

fn grant(to: &str) -> Edit {
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Edit::AddGrant(NewGrant {
        to: strings(&[to]),
        repo: strings(&["app"]),
        refs: strings(&["refs/heads/x/{principal}/**"]),
        allow: vec![UpdateKind::Create, UpdateKind::Update],
        write: strings(&["src/**", "!src/\"x\"/**"]),
        read: Vec::new(),
        until: Some("2027-01-01T00:00:00Z".parse().expect("a time")),
    })
}

fn done(edit: &Edit, text: &str) -> Edited {
    edit.apply("policy.toml", text).unwrap_or_else(|error| panic!("{edit:?}: {error}\n{text}"))
}

/// The lines that went and came, as `-x` and `+x`.
fn lines(edit: &Edit, text: &str) -> Vec<String> {
    let new = done(edit, text).text;
    let (old, new): (Vec<&str>, Vec<&str>) = (text.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[same..], &new[same..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let went = old[..old.len() - tail].iter().map(|line| format!("-{line}"));
    went.chain(new[..new.len() - tail].iter().map(|line| format!("+{line}"))).collect()
}

fn refused(edit: &Edit, text: &str) -> String {
    edit.apply("policy.toml", text).expect_err("refused").to_string()
}

#[test]
fn an_agent_comes_behind_the_others_with_the_remarks_where_they_were() {
    let edit = agent("claude-3", Some("dana"));
    let key = format!("+keys = [\"{NEW} n@host\"]");
    assert_eq!(lines(&edit, &text()), ["+[agent.claude-3]", &key, "+sponsor = \"dana\"", "+"]);
    let edited = done(&edit, &text());
    assert!(edited.text.contains("principals = [\"claude-2\"]\n\n[agent.claude-3]\n"), "{}", edited.text);
    assert_eq!(edited.summary, "policy: add agent claude-3, sponsor dana");
    let dotted = done(&agent("a.b", None), OPEN).text;
    assert!(dotted.starts_with("\nagent.claude-1 = {}\n\n[agent.\"a.b\"]\n"), "{dotted}");
    let among = "agent.a = {}\nhuman.dana = {}\n[[grant]]\nto = \"a\"\nrepo = \"app\"\n";
    assert!(done(&agent("b", None), among).text.starts_with("agent.a = {}\nhuman.dana = {}\n\n[agent.b]\n"));
    assert!(done(&agent("b", None), "").text.starts_with("[agent.b]\n"));
    assert!(done(&agent("b", None), "# none\nrepo.app.mode = \"observe\"").text.contains("\"observe\"\n\n[agent.b]\n"));
    let crlf = done(&agent("b", None), &text().replace('\n', "\r\n")).text;
    assert_eq!(crlf.matches('\n').count(), crlf.matches("\r\n").count());
}

#[test]
fn an_agent_that_cannot_come_is_refused() {
    for (edit, why) in [
        (agent("claude-1", None), "there is already the agent `claude-1`"),
        (agent("dana", None), "there is already the human `dana`"),
        (agent("Dana", None), "the policy would not compile with this"),
        (agent("owners", None), "the policy would not compile with this"),
        (agent("c", Some("claude-1")), "there is no human `claude-1` in the policy"),
        (agent("c", Some("nobody")), "there is no human `nobody` in the policy"),
    ] {
        assert!(refused(&edit, &text()).starts_with(why), "{}", refused(&edit, &text()));
    }
    let taken = NewPrincipal {
        kind: PrincipalKind::Human,
        name: name("x"),
        keys: keys(DANA),
        sponsor: None,
        emails: vec!["x@y".to_owned()],
    };
    let why = refused(&Edit::AddPrincipal(taken.clone()), &text());
    assert!(why.ends_with("is a key of `dana` already"), "{why}");
    let none = Edit::AddPrincipal(NewPrincipal { keys: Vec::new(), ..taken });
    assert_eq!(refused(&none, &text()), "a new principal needs a key");
    let inline = refused(&agent("c", None), "agent = { a = {} }");
    assert_eq!(inline, "`agent` is in braces on one line (1) of the policy: edit it by hand");
    assert!(refused(&agent("c", None), "nonsense").starts_with("the policy does not compile as it is"));
}

#[test]
fn who_goes_is_named_nowhere_any_more() {
    let edited = done(&Edit::RemovePrincipal(name("claude-2")), &text());
    assert!(!edited.text.contains("claude-2\""), "{}", edited.text);
    let expected = [
        "the group `alone` was for `claude-2` alone and is gone",
        "the grant of line 38 is not for `claude-2` any more",
        "the grant of line 44 was for `claude-2` alone and is gone",
        "the grant of line 49 is not for `claude-2` any more",
    ];
    assert_eq!(edited.notes, expected);
    for kept in
        ["bots = [\n    \"claude-1\", # the old one\n]\n", "# above claude-2\n", "# for one\n", "to = [\"dana\"]"]
    {
        assert!(edited.text.contains(kept), "{kept}: {}", edited.text);
    }
    assert!(!edited.text.contains("\n\n\n"), "{}", edited.text);
    let why = refused(&Edit::RemovePrincipal(name("lee")), &text().replace("\"owners\", \"lee\"]", "\"lee\"]"));
    assert_eq!(why, "`lee` is the only one in `approvers` of [rule.ci-files]: name another first");
    assert_eq!(refused(&Edit::RemovePrincipal(name("x")), &text()), "nobody is called `x` in the policy");
}

#[test]
fn a_human_goes_with_its_sponsorship() {
    let edited = done(&Edit::RemovePrincipal(name("dana")), &text());
    assert_eq!(edited.notes, ["`claude-1` has no sponsor any more", "the grant of line 49 is not for `dana` any more"]);
    assert!(edited.text.contains("    # the first\n") && edited.text.contains("owners = [\"lee\"]"), "{}", edited.text);
    let lists =
        "admins = [\"dana\", \"lee\"]\nhuman.dana = {}\nhuman.lee = {}\nrepo.app.approvers = [\"lee\", \"dana\"]\n";
    let edited = done(&Edit::RemovePrincipal(name("lee")), lists);
    assert_eq!(edited.text, "admins = [\"dana\"]\nhuman.dana = {}\nrepo.app.approvers = [\"dana\"]\n");
    let notes =
        ["`lee` is not in `approvers` of [repo.app] any more", "`lee` is not in `admins` of the policy any more"];
    assert_eq!(edited.notes, notes);
    let why = refused(&Edit::RemovePrincipal(name("dana")), "admins = \"dana\"\nhuman.dana = {}\n");
    assert_eq!(why, "`dana` is the only one in `admins` of the policy: name another first");
    let braces = "agent.a = { sponsor = \"dana\", keys = [\"KEY\"] }\nhuman.dana = {}\n".replace("KEY", LEE);
    let new = done(&Edit::RemovePrincipal(name("dana")), &braces).text;
    assert_eq!(new, format!("agent.a = {{ keys = [\"{LEE}\"] }}\n"));
}

#[test]
fn keys_come_and_go() {
    let add = |who: &str| Edit::AddKeys { name: name(who), keys: keys(&format!("{NEW}\n")) };
    let laptop = " # on the laptop";
    assert_eq!(lines(&add("claude-1"), &text())[1], format!("+keys = [\"{LEE} a\", \"{NEW} claude-1\"]{laptop}"));
    assert_eq!(lines(&add("claude-2"), &text()), [format!("+keys = [\"{NEW} claude-2\"]")]);
    assert_eq!(lines(&add("dana"), &text()), [format!("+    \"{NEW} dana\",")]);
    let in_braces = format!("+lee = {{ emails = \"lee@acme.dev\", keys = [\"{NEW} lee\"] }}");
    assert_eq!(lines(&add("lee"), &text())[1], in_braces);
    assert_eq!(
        lines(&add("claude-1"), "agent.claude-1 = {}")[1],
        format!("+agent.claude-1 = {{ keys = [\"{NEW} claude-1\"] }}")
    );
    let single = format!("agent.a = {{ keys = \"{LEE}\" }}");
    assert_eq!(lines(&add("a"), &single)[1], format!("+agent.a = {{ keys = [\"{LEE}\", \"{NEW} a\"] }}"));
    let remove = |who: &str, key: &str| Edit::RemoveKey { name: name(who), fingerprint: keys(key)[0].fingerprint() };
    assert_eq!(lines(&remove("claude-1", LEE), &text()), [format!("-keys = [\"{LEE} a\"] # on the laptop")]);
    assert_eq!(done(&remove("claude-1", LEE), &text()).notes, ["`claude-1` has no key any more"]);
    assert!(refused(&remove("claude-1", DANA), &text()).starts_with("`claude-1` has no key SHA256:"));
    let two = done(&add("dana"), &text()).text;
    assert_eq!(lines(&remove("dana", DANA), &two), [format!("-    \"{DANA} dana\", # at work")]);
    assert!(refused(&Edit::AddKeys { name: name("lee"), keys: keys(DANA) }, &text()).contains("is a key of `dana`"));
}

#[test]
fn groups_are_joined_and_left() {
    let join = |group: &str, who: &str| Edit::Join { group: group.to_owned(), name: name(who) };
    let leave = |group: &str, who: &str| Edit::Leave { group: group.to_owned(), name: name(who) };
    assert_eq!(lines(&join("owners", "claude-1"), &text())[1], "+owners = [\"dana\", \"lee\", \"claude-1\"]");
    let expected = ["-    \"claude-2\"  # the new one", "+    \"claude-2\",  # the new one", "+    \"lee\""];
    assert_eq!(lines(&join("bots", "lee"), &text()), expected);
    assert_eq!(lines(&join("alone", "lee"), &text())[1], "+alone = [\"claude-2\", \"lee\"]");
    assert_eq!(lines(&leave("owners", "dana"), &text())[1], "+owners = [\"lee\"]");
    assert_eq!(lines(&leave("bots", "claude-1"), &text()), ["-    \"claude-1\", # the old one"]);
    assert_eq!(lines(&leave("bots", "claude-2"), &text()), ["-    \"claude-2\"  # the new one"]);
    for (edit, why) in [
        (join("none", "lee"), "there is no group `none` in the policy"),
        (join("owners", "lee"), "`lee` is in the group `owners` already"),
        (join("owners", "x"), "nobody is called `x` in the policy"),
        (leave("owners", "x"), "the group `owners` does not name `x`"),
        (leave("alone", "claude-2"), "`claude-2` is the only one in the group `alone`: add another first"),
    ] {
        assert_eq!(refused(&edit, &text()), why);
    }
}

#[test]
fn grants_come_and_go() {
    let edited = done(&grant("claude-1"), &text());
    let block = "write = \"**\"\n\n[[grant]]\nto = [\"claude-1\"]\nrepo = [\"app\"]\nrefs = [\"refs/heads/x/{principal}/**\"]\n\
                 allow = [\"create\", \"update\"]\nwrite = [\"src/**\", \"!src/\\\"x\\\"/**\"]\nuntil = 2027-01-01T00:00:00Z\n\n# the last\n";
    assert!(edited.text.contains(block), "{}", edited.text);
    assert_eq!(edited.summary, "policy: grant claude-1 create, update in app");
    assert_eq!(refused(&grant("nobody"), &text()), "nobody is called `nobody` in the policy");
    let Edit::AddGrant(new) = grant("claude-1") else { panic!("a grant") };
    let hidden = Edit::AddGrant(NewGrant { write: vec!["a\u{202e}b".to_owned()], ..new.clone() });
    assert_eq!(refused(&hidden, &text()), "a pattern or name has an invisible or control character");
    let bad = Edit::AddGrant(NewGrant { refs: vec!["main".to_owned()], ..new });
    assert!(refused(&bad, &text()).starts_with("the policy would not compile with this"));

    let remove = |who: &str, place: &str| Edit::RemoveGrants { name: name(who), repo: repo(place) };
    let edited = done(&remove("claude-2", "app"), &text());
    let notes = [
        "`claude-2` still has the grant of line 28, by claude-*",
        "`claude-2` still has the grant of line 49, by alone dana",
    ];
    assert_eq!(edited.notes, notes);
    assert_eq!(lines(&remove("claude-2", "app"), &text()), ["-to = [\"claude-2\", \"lee\"]", "+to = [\"lee\"]"]);
    let of_lib = ["-[[grant]]", "-to = \"claude-2\"", "-repo = \"lib\"", "-"];
    let went: Vec<String> =
        lines(&remove("claude-2", "lib"), &text()).into_iter().filter(|l| !l.contains("# for one")).collect();
    assert_eq!(went, of_lib);
    assert!(
        refused(&remove("claude-1", "app"), &text())
            .starts_with("no grant names `claude-1` in app\n`claude-1` still has")
    );

    let until = "2026-06-01T12:00:00Z".parse().expect("a time");
    let expire = |who: &str, place: &str| Edit::ExpireGrants { name: name(who), repo: repo(place), until };
    assert_eq!(lines(&expire("claude-2", "lib"), &text()), ["+until = 2026-06-01T12:00:00Z"]);
    let again = Edit::ExpireGrants { name: name("claude-2"), repo: repo("lib"), until: Timestamp::UNIX_EPOCH };
    let twice = lines(&again, &done(&expire("claude-2", "lib"), &text()).text);
    assert_eq!(twice, ["-until = 2026-06-01T12:00:00Z", "+until = 1970-01-01T00:00:00Z"]);
    assert!(
        refused(&expire("claude-2", "app"), &text()).starts_with("the grant in line 38 is not for `claude-2` alone")
    );
}

#[test]
fn operations_are_words() {
    let words = |words: &[&str]| operations(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    assert_eq!(words(&["delete", "create"]), Ok(vec![UpdateKind::Delete, UpdateKind::Create]));
    assert_eq!(words(&["create", "Update"]), Err(EditError::Operation));
}

#[test]
fn a_grant_is_its_header_and_all_below_it() {
    let alone = text().replace("to = [\"claude-*\"]", "to = [\"claude-1\"]");
    let new = done(&Edit::RemoveGrants { name: name("claude-1"), repo: None }, &alone).text;
    assert!(!new.contains("[grant.quota]") && !new.contains("60/hour") && new.contains("# a quota\n"), "{new}");
}

#[test]
fn keys_are_read_strictly() {
    let table: [(&str, Result<usize, KeyError>); 9] = [
        ("", Err(KeyError::Missing)),
        ("# only a remark\n\n", Err(KeyError::Missing)),
        ("KEY", Ok(1)),
        ("# mine\r\nKEY a b\r\n\r\nOTHER\r\n", Ok(2)),
        ("KEY\nKEY x\n", Err(KeyError::Twice(2))),
        ("restrict KEY\n", Err(KeyError::NotAKey(1))),
        ("command=\"x\" KEY", Err(KeyError::NotAKey(1))),
        ("KEY\nhello\n", Err(KeyError::NotAKey(2))),
        ("ssh-dss AAAAB3NzaC1kc3MAAACB", Err(KeyError::NotAKey(1))),
    ];
    for (text, expected) in table {
        let text = text.replace("KEY", NEW).replace("OTHER", LEE);
        assert_eq!(NewKey::parse_all(text.as_bytes()).map(|keys| keys.len()), expected, "{text}");
    }
    assert_eq!(NewKey::parse_all(b"\xff"), Err(KeyError::NotAKey(1)));
    assert_eq!(NewKey::parse_all(&vec![b'#'; KEYS_BYTES_MAX]), Err(KeyError::Missing));
    assert_eq!(NewKey::parse_all(&vec![b'#'; KEYS_BYTES_MAX + 1]), Err(KeyError::TooMany));
    for (remark, shown) in [("a@b.c", "a@b.c"), ("", "x"), ("two words", "x"), ("\u{202e}", "x"), ("a\"b", "x")] {
        let line = keys(&format!("{NEW} {remark}"))[0].line(&name("x"));
        assert_eq!(line, Some(format!("{NEW} {shown}")), "{remark}");
    }
}

/// The policies of this repository, and the one above.
fn policies() -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![("TEXT".to_owned(), text()), ("OPEN".to_owned(), OPEN.to_owned())];
    for dir in ["deploy", "tests/git-suite", "tests/rules", "tests/cases", "docs"] {
        collect(&root.join(dir), &mut found);
    }
    found.retain(|(_, text)| Policy::parse("policy.toml", text).is_ok());
    found
}

fn collect(dir: &std::path::Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).expect("text")));
        }
    }
}

fn tree(text: &str) -> toml::Table {
    toml::from_str(text).expect("TOML")
}

#[test]
fn what_came_and_went_again_leaves_no_trace_and_every_remark_stays() {
    let policies = policies();
    assert!(policies.len() > 20, "{}", policies.len());
    for (file, text) in policies {
        let new = name("zz-new");
        let fingerprint = keys(LEE_2)[0].fingerprint();
        let one = done(&agent("zz-new", None), &text);
        let two = done(&grant("zz-new"), &one.text);
        let three = done(&Edit::AddKeys { name: new.clone(), keys: keys(LEE_2) }, &two.text);
        let mut all = vec![one.text.clone(), two.text.clone(), three.text.clone()];
        let less = done(&Edit::RemoveKey { name: new.clone(), fingerprint }, &three.text).text;
        assert_eq!(tree(&less), tree(&two.text), "{file}");
        let until = Timestamp::UNIX_EPOCH;
        all.push(done(&Edit::ExpireGrants { name: new.clone(), repo: None, until }, &less).text);
        let less = done(&Edit::RemoveGrants { name: new.clone(), repo: None }, &less).text;
        assert_eq!(tree(&less), tree(&one.text), "{file}");
        for group in tree(&text).get("group").and_then(|group| group.as_table()).into_iter().flat_map(|g| g.keys()) {
            let joined = done(&Edit::Join { group: group.clone(), name: new.clone() }, &one.text).text;
            let left = done(&Edit::Leave { group: group.clone(), name: new.clone() }, &joined).text;
            let as_list = |text: &str| tree(text)["group"][group].as_array().map_or(1, Vec::len);
            assert_eq!((as_list(&left), as_list(&joined)), (as_list(&text), as_list(&text) + 1), "{file}");
            let without = done(&Edit::RemovePrincipal(new.clone()), &joined).text;
            assert_eq!(tree(&without)["group"], tree(&left)["group"], "{file}");
            all.extend([joined, left]);
        }
        // A section that was not there before is one of no entries after.
        let mut gone = tree(&done(&Edit::RemovePrincipal(new.clone()), &three.text).text);
        let mut before = tree(&text);
        for tree in [&mut gone, &mut before] {
            tree.retain(|_, value| !value.as_table().is_some_and(toml::Table::is_empty));
        }
        assert_eq!(gone, before, "{file}");
        for who in one.policy.people.all() {
            all.extend(
                Edit::RemovePrincipal(who.name.clone()).apply("policy.toml", &one.text).map(|edited| edited.text),
            );
        }
        let remarks: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with('#')).collect();
        for new in &all {
            let mut lines = new.lines();
            let lost = remarks.iter().find(|remark| !lines.any(|line| line == **remark));
            assert_eq!(lost, None, "{file}\n{new}");
        }
    }
}

const LEE_2: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMCAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g other";
