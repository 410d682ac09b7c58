//! The packages for CI systems: what they run, taken out of their YAML and run as the CI system would, in a clone as
//! shallow as a CI system makes it.

use crate::support::{git, git_command};
use crate::world::{FOREIGN, K_GIT, MAIN, World, lines};
use saphyr_parser::{Event, Parser};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ACTION: &str = "deploy/ci/github/action.yml";
const TEMPLATE: &str = "deploy/ci/gitlab/refgate.gitlab-ci.yml";

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// As much of YAML as the two files have.
#[derive(Debug, Clone)]
enum Yaml {
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(root(path)).expect(path);
        let events: Vec<Event<'_>> = Parser::new_from_str(&text).map(|event| event.expect("YAML").0).collect();
        let is_frame = |event: &Event<'_>| {
            matches!(
                event,
                Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing
            )
        };
        let mut events = events.into_iter().filter(|event| !is_frame(event));
        let first = events.next().expect("a document");
        let read = Self::value(first, &mut events);
        assert!(events.next().is_none(), "one document");
        read
    }

    fn value<'a>(event: Event<'a>, rest: &mut impl Iterator<Item = Event<'a>>) -> Self {
        match event {
            Event::Scalar(text, ..) => Self::Text(text.into_owned()),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                while let Some(event) = rest.next().filter(|event| *event != Event::SequenceEnd) {
                    items.push(Self::value(event, rest));
                }
                Self::List(items)
            }
            Event::MappingStart(..) => {
                let mut entries = Vec::new();
                while let Some(event) = rest.next().filter(|event| *event != Event::MappingEnd) {
                    let Self::Text(key) = Self::value(event, rest) else { panic!("a key") };
                    let event = rest.next().expect("a value");
                    entries.push((key, Self::value(event, rest)));
                }
                Self::Map(entries)
            }
            other => panic!("{other:?}"),
        }
    }

    fn map(&self) -> &[(String, Self)] {
        let Self::Map(entries) = self else { panic!("{self:?}") };
        entries
    }

    fn at(&self, key: &str) -> &Self {
        let found = self.map().iter().find(|(name, _)| name == key);
        &found.unwrap_or_else(|| panic!("no {key}")).1
    }

    fn only(&self) -> &Self {
        match self {
            Self::List(items) if items.len() == 1 => &items[0],
            other => panic!("{other:?}"),
        }
    }

    fn text(&self) -> &str {
        let Self::Text(text) = self else { panic!("{self:?}") };
        text
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Package {
    GitHub,
    GitLab,
}

/// What the CI system is told.
#[derive(Debug, Clone, Default)]
struct Job {
    /// The trust file: its text, or for GitHub its path.
    trust: String,
    /// In the place of what the pipeline says; empty: nothing.
    ref_name: Option<String>,
    commit: Option<String>,
    repo: &'static str,
    level: &'static str,
    program: String,
    /// Before all others in PATH.
    path: Option<PathBuf>,
    /// Where the notes are, if not where they usually are.
    notes_ref: Option<&'static str>,
}

const PACKAGES: [Package; 2] = [Package::GitHub, Package::GitLab];

struct Ci<'a> {
    world: &'a World,
    clone: PathBuf,
}

impl<'a> Ci<'a> {
    /// Clones as CI systems do: the one commit.
    fn new(world: &'a World) -> Self {
        let clone = world.path("ci");
        let url = format!("file://{}", world.origin.display());
        git(&world.path(""), &["clone", "-q", "--depth=1", "--no-tags", &url, "ci"]);
        Self { world, clone }
    }

    fn job(&self) -> Job {
        Job { trust: self.world.trust().to_json(), level: "A", ..Job::default() }
    }

    fn run(&self, package: Package, job: &Job) -> Output {
        match package {
            Package::GitHub => self.github(job),
            Package::GitLab => self.gitlab(job),
        }
    }

    /// As the runner does it: expressions are replaced in the environment, and the script is a file.
    fn github(&self, job: &Job) -> Output {
        let action = Yaml::read(ACTION);
        let step = action.at("runs").at("steps").only();
        assert_eq!(step.at("shell").text(), "sh");
        let mut inputs: BTreeMap<String, String> = BTreeMap::new();
        for (name, input) in action.at("inputs").map() {
            if let Some((_, default)) = input.map().iter().find(|(key, _)| key == "default") {
                let context = [("github.ref", MAIN), ("github.sha", &self.world.tip)];
                inputs.insert(name.clone(), expanded(default.text(), &context));
            }
        }
        let optional = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        for (name, value) in [
            ("trust", Some(job.trust.clone())),
            ("ref", job.ref_name.clone()),
            ("commit", job.commit.clone()),
            ("repo", optional(job.repo)),
            ("level", optional(job.level)),
            ("refgate", optional(&job.program)),
            ("notes-ref", job.notes_ref.map(str::to_owned)),
        ] {
            assert!(action.at("inputs").map().iter().any(|(known, _)| known == name), "{name}");
            inputs.extend(value.map(|value| (name.to_owned(), value)));
        }
        let context: Vec<(String, &str)> =
            inputs.iter().map(|(name, value)| (format!("inputs.{name}"), value.as_str())).collect();
        let context: Vec<(&str, &str)> = context.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let mut variables = vec![("GITHUB_ACTION_PATH".to_owned(), root("deploy/ci/github").display().to_string())];
        for (name, value) in step.at("env").map() {
            variables.push((name.clone(), expanded(value.text(), &context)));
        }
        self.script(step.at("run").text(), job, variables)
    }

    fn gitlab(&self, job: &Job) -> Output {
        let template = Yaml::read(TEMPLATE);
        let script = template.at("refgate:verify").at("script").only().text().to_owned();
        let mut variables = vec![
            ("CI_COMMIT_BRANCH", "main".to_owned()),
            ("CI_COMMIT_SHA", self.world.tip.clone()),
            ("REFGATE_VERIFY_SH", root("deploy/ci/verify.sh").display().to_string()),
        ];
        // A variable of type File.
        let file = self.world.path("trust variable");
        if job.trust.contains('\n') || job.trust.starts_with('{') {
            fs::write(&file, &job.trust).expect("written");
            variables.push(("REFGATE_TRUST", file.display().to_string()));
        } else {
            variables.push(("REFGATE_TRUST", job.trust.clone()));
        }
        variables.extend(job.ref_name.clone().map(|value| ("REFGATE_REF", value)));
        variables.extend(job.commit.clone().map(|value| ("REFGATE_COMMIT", value)));
        variables.extend(job.notes_ref.map(|value| ("REFGATE_NOTES_REF", value.to_owned())));
        for (name, value) in
            [("REFGATE_REPO", job.repo), ("REFGATE_LEVEL", job.level), ("REFGATE_PROGRAM", &job.program)]
        {
            variables.extend((!value.is_empty()).then(|| (name, value.to_owned())));
        }
        self.script(&script, job, variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn script(&self, text: &str, job: &Job, variables: Vec<(String, String)>) -> Output {
        assert!(!text.contains("${{"), "an expression in the text of a script");
        let file = self.world.path("script");
        fs::write(&file, text).expect("written");
        let mut command = Command::new("sh");
        command.arg("-e").arg(&file).current_dir(&self.clone).env_clear();
        let own = git_command(&self.clone);
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        // A refgate of this machine is not what is tested.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::split_paths(&path).filter(|folder| !folder.join("refgate").exists());
        let path = std::env::join_paths(job.path.clone().into_iter().chain(path)).expect("a path");
        command.env("PATH", path).envs(variables);
        command.output().expect("sh runs")
    }

    /// Both packages end so, and say this.
    #[track_caller]
    fn expect(&self, job: &Job, code: i32, said: &str) {
        for package in PACKAGES {
            let output = self.run(package, job);
            let all = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
            assert!(output.status.code() == Some(code) && all.contains(said), "{package:?}: {}: {all}", output.status);
        }
    }
}

/// Replaces a value that is one expression.
fn expanded(value: &str, context: &[(&str, &str)]) -> String {
    match value.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")) {
        Some(name) => context.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}")).1.to_owned(),
        None => value.to_owned(),
    }
}

/// A program of this name that tells its arguments and ends so.
fn stub(world: &World, code: i32) -> PathBuf {
    let folder = world.path("bin");
    fs::create_dir_all(&folder).expect("a directory");
    let program = folder.join("refgate");
    fs::write(&program, format!("#!/bin/sh\nprintf '<%s>' \"$@\"\nexit {code}\n")).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod");
    folder
}

#[test]
fn a_commit_is_proven_in_the_shallow_clone_of_ci() {
    let world = World::new();
    world.publish(&lines(&world.decision()), K_GIT, "");
    let ci = Ci::new(&world);
    let proven = format!("proven: {} may be refs/heads/main", world.tip);
    ci.expect(&ci.job(), 0, &proven);
    ci.expect(&Job { repo: "app", ..ci.job() }, 0, &proven);
    // The note is there again, and newer.
    world.publish(&[lines(&world.decision()), vec!["{}".to_owned()]].concat(), K_GIT, "");
    ci.expect(&ci.job(), 0, &proven);
    // What CI fetches is kept under no name.
    let refs = git(&ci.clone, &["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains("refgate"), "{refs}");
    // The trust file may be one on the machine, and the notes at another place.
    let file = world.path("refgate.trust.json");
    fs::write(&file, world.trust().to_json()).expect("written");
    ci.expect(&Job { trust: file.display().to_string(), ..ci.job() }, 0, &proven);
    git(&world.origin, &["update-ref", "refs/heads/refgate/notes", "refs/notes/refgate"]);
    git(&world.origin, &["update-ref", "-d", "refs/notes/refgate"]);
    ci.expect(&Job { notes_ref: Some("refs/heads/refgate/notes"), ..ci.job() }, 0, &proven);
    ci.expect(&ci.job(), 1, "refgate: not proven: the origin has no refs/notes/refgate");
}

#[test]
fn what_did_not_come_through_the_gate_fails_the_job() {
    let world = World::new();
    let ci = Ci::new(&world);
    ci.expect(&ci.job(), 1, "refgate: not proven: the origin has no refs/notes/refgate");
    world.publish(&lines(&world.decision()), K_GIT, "");
    let for_ref = |name: &str| Job { ref_name: Some(name.to_owned()), ..ci.job() };
    ci.expect(&for_ref("refs/heads/release"), 1, "the summary is for another ref: refs/heads/main");
    world.publish(&lines(&world.decision()), FOREIGN, "");
    ci.expect(&ci.job(), 1, "the notes are not signed by the gate");
    world.publish(&[], K_GIT, "");
    ci.expect(&ci.job(), 1, "the commit has no refgate note");
}

#[test]
fn what_cannot_be_checked_fails_the_job() {
    let world = World::new();
    world.publish(&lines(&world.decision()), K_GIT, "");
    let ci = Ci::new(&world);
    let good = ci.job();
    ci.expect(&Job { trust: String::new(), ..good.clone() }, 2, "cannot check");
    ci.expect(&Job { trust: "{}".to_owned(), ..good.clone() }, 2, "no trust file of version 1");
    ci.expect(&Job { trust: "version = 2\n[x]\n".to_owned(), ..good.clone() }, 2, "no trust file of version 1");
    ci.expect(&Job { trust: "/no/such/file".to_owned(), ..good.clone() }, 2, "cannot check");
    ci.expect(&Job { repo: "other", ..good.clone() }, 2, "the trust file has no such repository");
    for level in ["B", "C", "D"] {
        ci.expect(&Job { level, ..good.clone() }, 2, &format!("level {level} needs the refgate program"));
    }
    ci.expect(&Job { program: "refgate-9".to_owned(), ..good.clone() }, 2, "there is no program refgate-9");
    ci.expect(&Job { ref_name: Some("main".to_owned()), ..good.clone() }, 2, "--ref is a full name");
    ci.expect(&Job { commit: Some("0".repeat(40)), ..good.clone() }, 2, "there is no commit");
    // What is of the tree may be of whoever is to be checked.
    fs::write(ci.clone.join("trust.json"), &good.trust).expect("written");
    git(&ci.clone, &["add", "trust.json"]);
    let inside = ci.clone.join("trust.json").display().to_string();
    for path in ["trust.json", "./trust.json", &inside] {
        ci.expect(&Job { trust: path.to_owned(), ..good.clone() }, 2, "the trust file is of the tree under test");
    }
    git(&ci.clone, &["remote", "set-url", "origin", "file:///no/such/repository"]);
    ci.expect(&good, 2, "the statements cannot be fetched from the origin");
}

#[test]
fn nothing_that_is_given_becomes_a_command() {
    let world = World::new();
    world.publish(&lines(&world.decision()), K_GIT, "");
    let ci = Ci::new(&world);
    let ran = ci.clone.join("ran");
    for text in ["$(touch ran)", "'; touch ran; '", "\"; touch ran; \"", "--help"] {
        let text = text.to_owned();
        for job in [
            Job { ref_name: Some(text.clone()), ..ci.job() },
            Job { ref_name: Some(format!("refs/heads/{text}")), ..ci.job() },
            Job { commit: Some(text.clone()), ..ci.job() },
            Job { trust: text.clone(), ..ci.job() },
            Job { program: text.clone(), ..ci.job() },
        ] {
            for package in PACKAGES {
                let output = ci.run(package, &job);
                assert!(matches!(output.status.code(), Some(1 | 2)), "{package:?}: {}", output.status);
                assert!(!ran.exists(), "{package:?}: {text}");
            }
        }
    }
}

/// With the program, the log goes along, and its word is the job's.
#[test]
fn the_program_decides_where_there_is_one() {
    let world = World::new();
    let notes = world.publish(&lines(&world.decision()), K_GIT, "");
    let log = crate::support::commit(&world.origin, None, "checkpoint", "x");
    git(&world.origin, &["update-ref", "refs/refgate/log", &log]);
    let ci = Ci::new(&world);
    let file = world.path("refgate.trust");
    fs::write(&file, world.trust().to_toml()).expect("written");
    let trust = file.display().to_string();
    for (code, level) in [(0, "A"), (1, "B"), (2, "C"), (101, "B")] {
        let path = Some(stub(&world, code));
        let with_log = format!(
            "<verify><--trust><{trust}><--ref><{MAIN}><--notes><{notes}><--repo><app><--log><{log}><--level><{level}><--><{}>",
            world.tip
        );
        let job = Job { trust: trust.clone(), repo: "app", level, path, ..ci.job() };
        for package in PACKAGES {
            let output = ci.run(package, &job);
            let said = (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned());
            assert_eq!(said, (Some(code), with_log.clone()), "{package:?}");
        }
        // By its path, too; and the objects that it is told of are there.
        let program = world.path("bin").join("refgate").display().to_string();
        ci.expect(&Job { program, path: None, ..job }, code, &with_log);
        git(&ci.clone, &["cat-file", "-e", &notes]);
        git(&ci.clone, &["cat-file", "-e", &format!("{log}:checkpoint")]);
    }
    // The text of a trust file gets to the program in the form that it has.
    let path = Some(stub(&world, 0));
    for (text, name) in
        [(world.trust().to_toml(), "/refgate.trust>"), (world.trust().to_json(), "/refgate.trust.json>")]
    {
        let output = ci.run(Package::GitHub, &Job { trust: text, path: path.clone(), ..ci.job() });
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains(name), "{said}");
    }
    git(&world.origin, &["update-ref", "-d", "refs/refgate/log"]);
    let without = format!("<--notes><{notes}><--level><A><--><{}>", world.tip);
    ci.expect(&Job { path, ..ci.job() }, 0, &without);
}

#[test]
fn gitlab_takes_the_ref_of_the_pipeline() {
    let world = World::new();
    world.publish(&lines(&world.decision()), K_GIT, "");
    let ci = Ci::new(&world);
    let script = Yaml::read(TEMPLATE).at("refgate:verify").at("script").only().text().to_owned();
    let file = world.path("trust variable");
    fs::write(&file, world.trust().to_json()).expect("written");
    let path = Some(stub(&world, 0));
    for (variables, expected) in [
        (&[("CI_COMMIT_BRANCH", "a/b")][..], Some("<--ref><refs/heads/a/b>")),
        (&[("CI_COMMIT_TAG", "v1")], Some("<--ref><refs/tags/v1>")),
        (&[("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "agent/x")], Some("<--ref><refs/heads/agent/x>")),
        (&[("CI_COMMIT_BRANCH", "a"), ("REFGATE_REF", "refs/heads/b")], Some("<--ref><refs/heads/b>")),
        (&[], None),
    ] {
        let own = [("CI_COMMIT_SHA", world.tip.as_str()), ("REFGATE_TRUST", file.to_str().expect("UTF-8"))];
        let variables = own.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let output = ci.script(&script, &Job { path: path.clone(), ..Job::default() }, variables.collect());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match expected {
            Some(expected) => assert!(output.status.success() && said.contains(expected), "{said}"),
            None => assert_eq!((output.status.code(), said.as_str()), (Some(2), "")),
        }
    }
}
