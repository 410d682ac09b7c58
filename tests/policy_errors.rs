//! Errors and warnings of `policy.toml`, whole, as an admin sees them.

use refgate::policy::Policy;
use refgate::strict::{Problems, render};

fn parse(text: &str) -> Result<Policy, Problems> {
    Policy::parse("policy.toml", text)
}

/// Each problem as `line:column message | help`.
fn problems(text: &str) -> String {
    let problems = parse(text).map(|_| ()).expect_err("an error");
    let line = |p: &refgate::strict::Problem| {
        let (line, column) = refgate::strict::position(text, p.span.start);
        format!("{line}:{column} {} | {}\n", p.message, p.help)
    };
    problems.list.iter().map(line).collect()
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEk9pVuMSQMOgiDEXCnjl/gyVFaGQTXCxFKLMNA3lkRG";

const GOOD: &str = r#"
[agent.claude-1]
principals = ["claude-1"]
sponsor = "dana"
[human.dana]
emails = ["dana@acme.dev"]
[ci.runner]
[group]
owners = ["dana"]
[[grant]]
to = ["claude-*"]
repo = "app"
refs = ["refs/heads/agent/{principal}/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["src/**", "!src/keys/**"]
until = 2027-01-01T00:00:00Z
quota = { pushes = "60/hour", bytes = "200 MiB/day" }
[[grant]]
to = "runner"
repo = ["app", "team/*"]
read = "refs/heads/**"
[repo."team/app"]
mode = "observe"
symlink_targets = "any"
tags_without_tagger = "allow"
[rule.ci-files]
kind = "path"
match = [".github/**", ".gitlab-ci.yml"]
then = "hold"
approvers = ["owners"]
message = "CI files are the owners'"
fix = "ask an owner"
[rule.names]
kind = "entry-name"
what = ["bidi", "reserved", "case-twin"]
length_max = 200
then = "refuse"
refs = "refs/heads/**"
repos = "**"
principals = ["claude-1"]
[rule.refs]
kind = "ref-name"
must_match = "refs/heads/agent/**"
then = "warn"
[rule.types]
kind = "entry-type"
types = ["gitlink", "symlink"]
then = "hold"
[rule.big]
kind = "size"
bytes_max = "1 MiB"
then = "refuse"
[rule.much]
kind = "amount"
commits_max = 50
lines_max = 5000
then = "hold"
"#;

#[test]
fn an_error_is_shown_with_its_place_a_caret_and_help() {
    let shown = parse("[agent.a]\nkyes = 1\nsponsor = \"nobody\"\n").map(|_| ()).expect_err("an error").to_string();
    let expected = "error: unknown key `kyes`
 --> policy.toml:2:1
  |
2 | kyes = 1
  | ^^^^
  = help: did you mean `keys`?

error: there is no human `nobody`
 --> policy.toml:3:11
  |
3 | sponsor = \"nobody\"
  |           ^^^^^^^^
  = help: a sponsor is a [human.NAME] of this file
";
    assert_eq!(shown, expected);
}

#[test]
fn a_whole_policy_compiles_without_a_warning() {
    let policy = parse(GOOD).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(policy.lint("2026-06-01T00:00:00Z".parse().expect("a time")), []);
    assert!(parse("").is_ok());
}

#[test]
fn principals_and_groups() {
    let table = [
        (
            "[human.A]\n[agent.a]\n",
            "1:8 there is already the agent `a` | names differ in more than kind and upper or lower case\n",
        ),
        (
            "[agent.\"-x\"]\n",
            "1:8 a part of a name must not start with '-' or '.', hold '..', or end in '.git' or '.lock' | \n",
        ),
        (
            "[agent.a]\nsponsor = \"b\"\n[agent.b]\n",
            "2:11 there is no human `b` | a sponsor is a [human.NAME] of this file\n",
        ),
        (
            "[agent.a]\nkeys = [\"ssh-ed25519 x\"]\n",
            "2:9 not an OpenSSH public key | write one line of a .pub file: \"ssh-ed25519 AAAA… name\"\n",
        ),
        ("[agent.a]\nkeys = []\n", "2:8 an empty list matches nothing | \n"),
        ("[ci.a]\nsponsor = \"b\"\n", "2:1 unknown key `sponsor` | known here: keys, principals, emails, names\n"),
        ("[agent.a]\nnames = \"A <a@b>\"\n", "2:9 not a name for the author of a commit | \n"),
        ("[human.a]\nemails = \"dana\"\n", "2:10 not an e-mail address | \n"),
        (
            "[human.a]\nhandles = [\"@a\", \"b c\"]\n",
            "2:12 not a user name of a forge | write it without the `@`: letters, digits, `.`, `_` and `-`\n\
             2:18 not a user name of a forge | write it without the `@`: letters, digits, `.`, `_` and `-`\n",
        ),
        ("[human.a]\nhandles = \"x\"\n[human.b]\nhandles = \"X\"\n", "4:11 this is also `a` | \n"),
        ("[human.a]\nhandles = \"B\"\n[agent.b]\n", "2:11 this is also `b` | \n"),
        ("[human.a]\nhandles = [\"x\", \"X\"]\n", "2:17 this is given twice | \n"),
        (
            "[agent.a]\nhandles = \"x\"\n",
            "2:1 unknown key `handles` | known here: keys, principals, emails, names, sponsor\n",
        ),
        ("[human.a]\n[group]\na = [\"a\"]\n", "3:1 there is already the human `a` | \n"),
        ("agent = 1\n", "1:9 expected a table, found an integer | \n"),
        ("user = 1\n", "1:1 unknown key `user` | known here: agent, human, ci, group, grant, admins, repo, rule\n"),
        ("[agent.a]\n[agent.a]\n", "2:8 duplicate key | \n"),
    ];
    for (text, expected) in table {
        assert_eq!(problems(text), expected, "{text}");
    }
}

#[test]
fn a_key_or_certificate_name_of_two_is_shown_at_both_places() {
    let keys = problems(&format!("[agent.a]\nkeys = [\"{KEY} x\"]\n[human.b]\nkeys = [\"{KEY} y\"]\n"));
    let both = "2:9 this is given to `a` and to `b` | the other place is shown below\n\
                4:9 this is given to `a` and to `b` | the other place is shown above\n";
    assert_eq!(keys, both);
    let names = problems("[agent.a]\nprincipals = [\"n\"]\n[agent.b]\nprincipals = \"n\"\n");
    assert_eq!(names, both.replace("2:9", "2:15").replace("4:9", "4:14"));
    let twice = problems("[agent.a]\nprincipals = [\"n\", \"n\"]\n");
    assert!(twice.contains("2:15 this is given twice") && twice.contains("2:20 this is given twice"), "{twice}");
}

#[test]
fn grants() {
    let grant = |keys: &str| problems(&format!("[[grant]]\nto = \"a\"\nrepo = \"app\"\n{keys}\n"));
    assert_eq!(problems("[[grant]]\nrepo = \"app\"\n"), "1:1 the key `to` is missing here | \n");
    assert_eq!(
        problems("[[grant]]\nto = \"a\"\nreop = \"app\"\n"),
        "1:1 the key `repo` is missing here | is `reop` meant to be it?\n3:1 unknown key `reop` | did you mean `repo`?\n"
    );
    let full = "refs = \"refs/heads/x\"\nallow = [\"update\"]\n";
    let table = [
        (
            "refs = \"refs/heads/x\"".to_owned(),
            "4:8 `refs` and `allow` go together | write both to let push, none of them to let read only\n",
        ),
        (
            "refs = \"main\"\nallow = [\"update\"]".into(),
            "4:8 a ref pattern starts with `refs/` | write the full name: refs/heads/main\n",
        ),
        (
            "refs = \"refs/notes/x\"\nallow = [\"update\"]".into(),
            "4:8 only refs/heads/ and refs/tags/ can be pushed to | write refs/heads/… or refs/tags/…; in a grant also refs/for/…\n",
        ),
        (
            "refs = \"refs/heads/x\"\nallow = [\"push\"]".into(),
            "5:10 `push` is not possible here | known here: create, update, rewind, delete\n",
        ),
        (
            "refs = \"refs/heads/x\"\nallow = []".into(),
            "5:9 an empty list allows nothing | leave `refs` and `allow` out to let read only\n",
        ),
        (
            format!("{full}write = [\"!a\"]"),
            "6:9 a list of nothing but exceptions matches nothing | add what they are exceptions from, such as `**`\n",
        ),
        (
            format!("{full}write = [\"src/\"]"),
            "6:10 a pattern does not end with `/` | write `dir/**` for all that is below a directory\n",
        ),
        (
            format!("{full}until = 2027-01-01"),
            "6:9 a date alone is not a moment: the time or its offset is missing | write 2027-01-01T00:00:00Z\n",
        ),
        (
            format!("{full}until = 2027-01-01T00:00:00"),
            "6:9 a date alone is not a moment: the time or its offset is missing | write 2027-01-01T00:00:00Z\n",
        ),
        (
            format!("{full}until = \"never\""),
            "6:9 expected a date-time such as 2027-01-01T00:00:00Z, found a string | \n",
        ),
        (
            format!("{full}quota = {{ pushes = \"5/week\" }}"),
            "6:20 not an amount in a time | write an amount per minute, hour or day: \"60/hour\"\n",
        ),
        (
            format!("{full}quota = {{ bytes = \"5 XB/day\" }}"),
            "6:19 not an amount in a time | write an amount per minute, hour or day: \"200 MiB/day\"\n",
        ),
        (format!("{full}quota = {{ pushes = \"0/day\" }}"), "6:20 a quota of nothing grants nothing | \n"),
        (format!("{full}quota = {{ push = \"1/day\" }}"), "6:11 unknown key `push` | did you mean `pushes`?\n"),
        ("repo = \"a b\"".into(), "4:1 duplicate key | \n"),
    ];
    for (keys, expected) in table {
        assert_eq!(grant(&keys), expected, "{keys}");
    }
}

#[test]
fn rules_and_repositories() {
    let rule = |keys: &str| problems(&format!("[rule.x]\n{keys}\n"));
    let path = "kind = \"path\"\nmatch = \"a\"\nthen = \"hold\"\n";
    let table = [
        ("then = \"warn\"".to_owned(), "1:1 the key `kind` is missing here | \n"),
        (
            "kind = \"pth\"\nthen = \"deny\"".into(),
            "2:8 there is no kind of rule `pth` | did you mean `path`?\n3:8 `deny` is not possible here | known here: warn, hold, refuse\n",
        ),
        ("kind = \"path\"\nthen = \"warn\"".into(), "1:1 the key `match` is missing here | \n"),
        (format!("{path}macth = 1"), "5:1 unknown key `macth` | did you mean `match`?\n"),
        (format!("{path}principals = \"bob\""), "5:14 there is no principal or group `bob` | \n"),
        (
            format!("{path}approvers = \"bob\""),
            "5:13 there is no group or human `bob` | approvers are groups of [group], humans of [human.NAME], or \"CODEOWNERS\"\n",
        ),
        (format!("{path}approvals = 0"), "5:13 from 1 to 20 people can be asked to approve | \n"),
        (format!("{path}approvals = 21"), "5:13 from 1 to 20 people can be asked to approve | \n"),
        (
            format!("{}approvals = 2", path.replace("hold", "warn")),
            "5:13 only a rule with then = \"hold\" has approvers | \n",
        ),
        (
            format!("{path}message = \"a\\nb\""),
            "5:11 not a text for a message | write one line of at most 300 bytes, of visible characters\n",
        ),
        (
            format!("{path}fix = \"\""),
            "5:7 not a text for a message | write one line of at most 300 bytes, of visible characters\n",
        ),
        (
            "kind = \"path\"\nthen = \"warn\"\nmatch = [\"a/*\", \"!a/**\"]".into(),
            "4:9 the exceptions leave nothing to match | \n",
        ),
        (
            "kind = \"amount\"\nthen = \"warn\"".into(),
            "1:1 nothing is bounded here | set commits_max, files_max, lines_max or bytes_max\n",
        ),
        (
            "kind = \"amount\"\nthen = \"warn\"\ncommits_max = -1".into(),
            "4:15 expected a whole number that is not negative, found an integer | \n",
        ),
        (
            "kind = \"identity\"\nthen = \"warn\"\nnames = true".into(),
            "1:1 one of the keys `author`, `committer`, `tagger`, `domains` and `sponsor_trailer` is missing here | \n",
        ),
        (
            "kind = \"identity\"\nthen = \"warn\"\nauthor = \"me\"\ndomains = \"@x\"\nsponsor_trailer = \"By:\"".into(),
            "4:10 `me` is not possible here | known here: principal, sponsor, principal-or-sponsor, known, any\n\
             5:11 not a domain | write it as in an address; `*.` before it means all domains below\n\
             6:19 not the key of a trailer | write it without the colon: \"Signed-off-by\"\n",
        ),
        (
            "kind = \"message\"\nthen = \"warn\"\nrequire = \"(\"\ntrailers = []\nscope = \"all\"\nline_length_max = 0".into(),
            "4:11 not a regular expression: unclosed group | \n5:12 an empty list asks for nothing | \n\
             6:9 `all` is not possible here | known here: commits, tags\n7:19 no message could be as short | \n",
        ),
        (
            "kind = \"signature\"\nthen = \"warn\"".into(),
            "1:1 one of the keys `by` and `keys` is missing here | \n",
        ),
        (
            "kind = \"signature\"\nthen = \"warn\"\nby = [\"sponsr\", \"group:x\"]\nkeys = [\"ssh-ed25519 x\", \"-----BEGIN\"]\nwhat = \"tag\"".into(),
            "4:7 `sponsr` is not possible here | did you mean `sponsor`?\n\
             5:9 not an OpenSSH public key | write one line of a .pub file: \"ssh-ed25519 AAAA… name\"\n\
             5:26 not an armored OpenPGP public key | \n6:8 `tag` is not possible here | did you mean `tags`?\n",
        ),
        (
            "kind = \"signature\"\nthen = \"warn\"\nby = \"group:x\"".into(),
            "4:6 there is no group `x` | \n",
        ),
        (
            "kind = \"entry-name\"\nthen = \"warn\"".into(),
            "1:1 nothing is asked of names here | set `what`, `length_max` or `depth_max`\n",
        ),
        (
            "kind = \"entry-type\"\nthen = \"warn\"\ntypes = [\"link\"]".into(),
            "4:10 `link` is not possible here | known here: symlink, gitlink, executable, odd-mode\n",
        ),
        (
            "kind = \"size\"\nthen = \"warn\"\nbytes_max = \"big\"".into(),
            "4:13 not a size | write a number of bytes, or a number with KiB, MiB, GiB, kB, MB or GB: \"200 MiB\"\n",
        ),
        (
            "kind = \"ref-name\"\nthen = \"warn\"".into(),
            "1:1 one of the keys `match` and `must_match` is missing here | \n",
        ),
        (
            "kind = \"ref-name\"\nthen = \"warn\"\nmatch = \"refs/pull/**\"".into(),
            "4:9 only refs/heads/ and refs/tags/ can be pushed to | write refs/heads/… or refs/tags/…; in a grant also refs/for/…\n",
        ),
    ];
    for (keys, expected) in table {
        assert_eq!(rule(&keys), expected, "{keys}");
    }
    let approvers = "[human.d]\n[rule.x]\nkind = \"path\"\nmatch = \"a\"\nthen = \"warn\"\napprovers = \"d\"\n";
    assert_eq!(problems(approvers), "6:13 only a rule with then = \"hold\" has approvers | \n");
    assert_eq!(
        problems("[rule.\"write.outside-grant\"]\nkind = \"path\"\nmatch = \"a\"\nthen = \"warn\"\n"),
        "1:7 not an id for a rule | an id has letters, digits, `-` and `_`, starts with a letter or digit, and has at most 64\n"
    );
    assert_eq!(
        problems("[repo.app]\npreset = \"agent-defualt\"\nmode = \"off\"\n"),
        "2:10 there is no preset `agent-defualt` | did you mean `agent-default`?\n\
         3:8 `off` is not possible here | known here: enforce, observe\n"
    );
    assert!(problems("[repo.\"../x\"]\n").starts_with("1:7 a part of a name"));
}

#[test]
fn warnings_name_what_can_hardly_be_meant() {
    let text = "[group]
idle = [\"x\"]
[[grant]]
to = \"a*\"
repo = \"app\"
refs = \"refs/heads/x\"
allow = [\"create\"]
until = 2020-01-01T00:00:00Z
[rule.all]
kind = \"path\"
then = \"refuse\"
match = \"**\"
[rule.some]
kind = \"path\"
then = \"hold\"
match = [\"a/**\", \"a/b\"]
[rule.never]
kind = \"size\"
bytes_max = 1
then = \"warn\"
match = \".git/**\"
repos = \"*\"
[rule.none]
kind = \"amount\"
commits_max = 0
then = \"hold\"
";
    let policy = parse(text).unwrap_or_else(|e| panic!("{e}"));
    let warnings = policy.lint("2026-01-01T00:00:00Z".parse().expect("a time"));
    let shown: Vec<String> =
        warnings.iter().map(|w| format!("{} {}", refgate::strict::position(text, w.span.start).0, w.message)).collect();
    let expected = [
        "2 the group `idle` is never used",
        "2 nobody is called `x`",
        "3 this grant has expired: it grants nothing",
        "3 this grant lets push but write no path",
        "4 nobody is called `a*`",
        "9 this rule makes every push refuse: every change of every path matches it",
        "13 `a/b` says nothing new beside `a/**`",
        "13 this rule never decides: `all` matches all it does and is as strong",
        "17 `*` is no repository with a `/` in its name",
        "17 this rule can never match: .git is always refused before it",
        "23 this rule makes every push hold: no push with anything new is small enough",
    ];
    assert_eq!(shown, expected);
    let mut first = String::new();
    render(&mut first, "warning", "policy.toml", text, &warnings[0]).expect("a string takes all");
    assert_eq!(
        first,
        "warning: the group `idle` is never used\n --> policy.toml:2:1\n  |\n2 | idle = [\"x\"]\n  | ^^^^\n"
    );
    let fetching = "human.dana = {}\n[[grant]]\nto = \"dana\"\nrepo = \"app\"\nsigned = true\n";
    let warnings = parse(fetching).unwrap_or_else(|e| panic!("{e}")).lint(jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(warnings[0].message, "`signed` says nothing where nothing may be pushed");
    let people = "human.dana = {}\n[group]\nowners = [\"dana\"]\n";
    for text in [format!("admins = [\"owners\"]\n{people}"), format!("{people}[repo.app]\napprovers = [\"owners\"]\n")]
    {
        let warnings = parse(&text).unwrap_or_else(|e| panic!("{e}")).lint(jiff::Timestamp::UNIX_EPOCH);
        assert!(!warnings.iter().any(|warning| warning.message.contains("never used")), "{text}: {warnings:?}");
    }
    let nobody = parse("").expect("an empty policy").lint("2026-01-01T00:00:00Z".parse().expect("a time"));
    assert_eq!(nobody[0].message, "there is no grant: nobody may do anything");
}

#[test]
fn no_damaged_document_panics() {
    for at in 0..GOOD.len() {
        for with in ["", "\"", "[", "=", "*", "\\", "{", "é", "\n", "9"] {
            let damaged = [&GOOD[..at], with, &GOOD[at + 1..]].concat();
            if let Err(problems) = parse(&damaged) {
                assert!(problems.to_string().contains("policy.toml:"), "{damaged}");
            }
        }
    }
}
