//! Whole texts: a brief is read, not parsed.

use super::*;
use crate::policy::testing::{now, policy, principal, repo};

const TEXT: &str = r#"
agent.claude-1 = { sponsor = "dana" }
agent.claude-2 = {}
human.dana = {}
human.lee = {}
[group]
owners = ["dana", "lee"]
[[grant]]
to = "claude-1"
repo = "app"
refs = ["refs/heads/agent/{principal}/**", "refs/for/main", "!refs/heads/agent/{principal}/main"]
allow = ["create", "update", "rewind", "delete"]
write = ["src/**", "tests/**", "docs/**", "!src/generated/**"]
until = 2027-01-01T00:00:00Z
quota = { pushes = "60/hour", bytes = "200 MiB/day" }
[[grant]]
to = "claude-1"
repo = "app"
read = "refs/heads/only-to-read"
[[grant]]
to = "claude-1"
repo = "app"
refs = "refs/heads/old"
allow = ["update"]
until = 2020-01-01T00:00:00Z
[[grant]]
to = "claude-2"
repo = "app"
refs = "refs/heads/of-another/**"
allow = ["update"]
write = "other/**"
[rule.ci-files]
kind = "path"
match = [".github/**", ".gitlab-ci.yml", "!.github/README.md"]
then = "hold"
approvers = ["owners"]
approvals = 2
[rule.no-links]
kind = "entry-type"
types = ["symlink", "gitlink"]
then = "refuse"
[rule.big-files]
kind = "size"
bytes_max = "5 MiB"
then = "refuse"
[rule.no-debugger]
kind = "text"
forbid = ["hidden-regex"]
match = "src/**"
then = "refuse"
message = "no debugger statements"
[rule.tokens]
kind = "secret"
then = "refuse"
allow = ["fp1-00000000000000000000000000000000"]
[rule.seen]
kind = "amount"
commits_max = 20
then = "hold"
mode = "observe"
[rule.releases]
kind = "ref-name"
match = "refs/heads/release/{principal}/**"
then = "hold"
[rule.others]
kind = "path"
match = "hidden-path/**"
then = "refuse"
principals = "claude-2"
[rule.elsewhere]
kind = "path"
match = "hidden-repo/**"
then = "refuse"
repos = "lib"
[rule.many]
kind = "path"
match = ["a/**", "b/**", "c/**", "d/**", "e/**", "f/**"]
refs = "refs/heads/agent/**"
then = "warn"
"#;

fn brief(text: &str, who: &str) -> Option<Brief> {
    let policy = policy(text);
    policy.brief(&principal(&policy, who), &repo(), &Limits::default(), now())
}

#[test]
fn a_person_reads_what_counts_for_it() {
    let text = brief(TEXT, "claude-1").expect("grants").text();
    let expected = "\
claude-1 in app

you may create, update, rewind, delete, until 2027-01-01T00:00:00Z
  refs    refs/heads/agent/claude-1/** !refs/heads/agent/claude-1/main
  review  refs/for/main
  write   src/** tests/** docs/** !src/generated/**
  read    refs/heads/** refs/tags/**
  quota   60/hour pushes, 200 MiB/day

you may fetch
  read    refs/heads/only-to-read

what is looked at in your pushes
  refuse  no-links     entry-type  types symlink gitlink
  refuse  big-files    size        bytes_max 5 MiB
  refuse  no-debugger  text        src/** \"no debugger statements\"
  refuse  tokens       secret
  hold    ci-files     path        .github/** .gitlab-ci.yml !.github/README.md
                                   approved by 2 of owners
  hold    releases     ref-name    refs/heads/release/claude-1/**
                                   approved by 1 of the humans who push here
  warn    seen         amount      commits_max 20 (observed: would hold)
  warn    many         path        a/** b/** c/** d/** and 2 more on
                                   refs/heads/agent/**

to try a push      git push origin HEAD:refs/check/BRANCH
to ask for review  git push origin HEAD:refs/for/BRANCH
at most            1 GiB a push, 256 MiB a file, 10000 refs, 1000000 commits
";
    assert_eq!(text, expected);
    assert!(text.lines().all(|line| line.chars().count() <= 80));
    assert!(!text.contains("hidden") && !text.contains("other") && !text.contains("fp1-"));
}

#[test]
fn a_program_reads_the_same() {
    let json = brief(TEXT, "claude-1").expect("grants").json();
    let line = json.to_string();
    assert!(!line.contains("hidden") && !line.contains("other") && !line.contains("fp1-"), "{line}");
    assert_eq!(json["grants"].as_array().map(Vec::len), Some(2));
    let expected = r#"{"allow":["create","update","rewind","delete"],"bytes":"200 MiB/day","pushes":"60/hour","read":["refs/heads/**","refs/tags/**"],"refs":["refs/heads/agent/claude-1/**","!refs/heads/agent/claude-1/main"],"review":["refs/for/main"],"signed":false,"until":"2027-01-01T00:00:00Z","write":["src/**","tests/**","docs/**","!src/generated/**"]}"#;
    assert_eq!(json["grants"][0].to_string(), expected);
    let of = |id: &str| json["rules"].as_array().into_iter().flatten().find(|rule| rule["id"] == id).cloned();
    let ci_files = r#"{"about":[".github/**",".gitlab-ci.yml","!.github/README.md"],"approvals":2,"approvers":["owners"],"id":"ci-files","kind":"path","message":null,"mode":"enforce","refs":[],"settings":{},"then":"hold"}"#;
    assert_eq!(of("ci-files").expect("a rule").to_string(), ci_files);
    assert_eq!(of("seen").expect("a rule")["mode"], "observe");
    assert_eq!(of("many").expect("a rule")["about"].as_array().map(Vec::len), Some(6));
}

#[test]
fn an_agent_reads_a_dozen_lines() {
    let text = brief(TEXT, "claude-1").expect("grants").agents_md("ssh -p 2222 refgate@gate.example.com");
    let expected = "\
## Pushing to this repository

`origin` is a gate. It judges every commit of a push, and forwards the push as a whole or not.

- Push to your own branches: `git push origin HEAD:refs/heads/agent/claude-1/TOPIC`.
- You may change `src/**` `tests/**` `docs/**`, but not `src/generated/**`.
- Held for a human: `.github/**` `.gitlab-ci.yml` (`ci-files`); `refs/heads/release/claude-1/**` (`releases`). Approved by owners; the humans who push here.
- To try: `git push origin HEAD:refs/check/agent/claude-1/TOPIC`. It is judged in full, and nothing is sent.
- To ask for review: `git push origin HEAD:refs/for/main`. It is held until a human approves it.
- Refused: read each `fix:` of the answer, do it, push again. Every commit of the push counts, so amend or rebase; a commit on top does not help.
- Held: do not push it again. It is forwarded when a human approves it. How it stands: `ssh -p 2222 refgate@gate.example.com status`.
- No secrets, in no commit: read them from the environment.
- All rules: `ssh -p 2222 refgate@gate.example.com rules app`. One push: `ssh -p 2222 refgate@gate.example.com explain PUSH`.
";
    assert_eq!(text, expected);
}

#[test]
fn who_may_only_fetch_is_told_so_and_who_may_nothing_is_told_nothing() {
    let text = brief("agent.a = {}\n[[grant]]\nto = \"a\"\nrepo = \"app\"\n", "a").expect("a grant");
    assert!(
        text.text().starts_with("a in app\n\nyou may fetch\n  read    refs/heads/** refs/tags/**\n\n"),
        "{}",
        text.text()
    );
    assert!(text.agents_md("ssh gate").contains("You may change no file"));
    assert_eq!(brief("agent.a = {}\n[[grant]]\nto = \"a\"\nrepo = \"lib\"\n", "a"), None);
    let expired = "agent.a = {}\n[[grant]]\nto = \"a\"\nrepo = \"app\"\nuntil = 2026-06-01T12:00:00Z\n";
    assert_eq!(brief(expired, "a"), None);
    assert!(brief(&expired.replace("12:00:00Z", "12:00:01Z"), "a").is_some());
}

#[test]
fn signed_pushes_are_told_of_where_they_are_asked_for() {
    let signed = TEXT.replacen("write =", "signed = true\nwrite =", 1);
    let brief = brief(&signed, "claude-1").expect("grants");
    let told = "MiB/day\n  only    git push --signed\n\nyou may fetch\n  read    refs/heads/only-to-read\n\n";
    assert!(brief.text().contains(told), "{}", brief.text());
    assert_eq!(
        (&brief.json()["grants"][0]["signed"], &brief.json()["grants"][1]["signed"]),
        (&true.into(), &false.into())
    );
    let told = "TOPIC`.\n- Pushes are signed. Once: `git config gpg.format ssh`, `git config user.signingkey KEY.pub` (the \
                key you push with), `git config push.gpgSign if-asked`.\n- You may";
    assert!(brief.agents_md("ssh gate").contains(told), "{}", brief.agents_md("ssh gate"));
}

#[test]
fn every_preset_fits_the_screen() {
    for preset in crate::policy::presets::PRESETS {
        let text = format!("{}[repo.app]\npreset = \"{}\"\n", crate::policy::testing::OPEN, preset.name);
        let brief = brief(&text, "claude-1").expect("a grant");
        let wide: Vec<String> = brief.text().lines().filter(|l| l.chars().count() > 80).map(str::to_owned).collect();
        assert!(wide.is_empty(), "{}: {wide:#?}", preset.name);
        assert!(brief.agents_md("ssh gate").lines().count() <= 16);
    }
}

#[test]
fn sizes_and_lists_are_short() {
    for (amount, shown) in
        [(0, "0 bytes"), (1500, "1500 bytes"), (1024, "1 KiB"), (5 << 20, "5 MiB"), (1 << 40, "1 TiB")]
    {
        assert_eq!(exact_size(amount), shown);
    }
    let list: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    assert_eq!(few(&list, 4), ["a", "b", "c", "d"]);
    assert_eq!(few(&list, 3), ["a", "b", "c", "d"]);
    assert_eq!(few(&list, 2), ["a", "b", "and 2 more"]);
}
