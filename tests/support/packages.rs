//! The packages for CI systems: what they run, taken out of their YAML and run as the CI system would.

#![allow(dead_code, unreachable_pub)]

use saphyr_parser::{Event, Parser};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const ACTION: &str = "deploy/ci/github/action.yml";
pub const TEMPLATE: &str = "deploy/ci/gitlab/refgate.gitlab-ci.yml";

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// As much of YAML as the two files have.
#[derive(Debug, Clone)]
pub enum Yaml {
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    pub fn read(path: &str) -> Self {
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

    pub fn at(&self, key: &str) -> &Self {
        let found = self.map().iter().find(|(name, _)| name == key);
        &found.unwrap_or_else(|| panic!("no {key}")).1
    }

    pub fn only(&self) -> &Self {
        match self {
            Self::List(items) if items.len() == 1 => &items[0],
            other => panic!("{other:?}"),
        }
    }

    pub fn text(&self) -> &str {
        let Self::Text(text) = self else { panic!("{self:?}") };
        text
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Package {
    GitHub,
    GitLab,
}

/// What the CI system is told.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// The trust file: its text, or for GitHub its path.
    pub trust: String,
    /// In the place of what the pipeline says; empty: nothing.
    pub ref_name: Option<String>,
    pub commit: Option<String>,
    pub repo: &'static str,
    pub level: &'static str,
    pub max_age: &'static str,
    pub since: String,
    pub program: String,
    /// Before all others in PATH.
    pub path: Option<PathBuf>,
    /// Where notes and log are, if not where they usually are.
    pub notes_ref: Option<&'static str>,
    pub log_ref: Option<&'static str>,
}

pub const PACKAGES: [Package; 2] = [Package::GitHub, Package::GitLab];

/// A job of a CI system: its clone, and what its pipeline is about.
pub struct Runner {
    pub clone: PathBuf,
    /// For files that are not of the tree.
    pub scratch: PathBuf,
    pub branch: String,
    pub commit: String,
    /// What git is to see, and nothing else.
    pub variables: Vec<(OsString, OsString)>,
    /// What the tests begin with.
    pub job: Job,
}

impl Runner {
    pub fn job(&self) -> Job {
        self.job.clone()
    }

    pub fn run(&self, package: Package, job: &Job) -> Output {
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
        let ref_name = format!("refs/heads/{}", self.branch);
        let context = [("github.ref", ref_name.as_str()), ("github.sha", self.commit.as_str())];
        for (name, input) in action.at("inputs").map() {
            if let Some((_, default)) = input.map().iter().find(|(key, _)| key == "default") {
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
            ("max-age", optional(job.max_age)),
            ("since", optional(&job.since)),
            ("notes-ref", job.notes_ref.map(str::to_owned)),
            ("log-ref", job.log_ref.map(str::to_owned)),
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
            ("CI_COMMIT_BRANCH", self.branch.clone()),
            ("CI_COMMIT_SHA", self.commit.clone()),
            ("REFGATE_VERIFY_SH", root("deploy/ci/verify.sh").display().to_string()),
        ];
        // A variable of type File.
        let file = self.scratch.join("trust variable");
        if job.trust.contains('\n') || job.trust.starts_with('{') {
            fs::write(&file, &job.trust).expect("written");
            variables.push(("REFGATE_TRUST", file.display().to_string()));
        } else {
            variables.push(("REFGATE_TRUST", job.trust.clone()));
        }
        variables.extend(job.ref_name.clone().map(|value| ("REFGATE_REF", value)));
        variables.extend(job.commit.clone().map(|value| ("REFGATE_COMMIT", value)));
        variables.extend(job.notes_ref.map(|value| ("REFGATE_NOTES_REF", value.to_owned())));
        variables.extend(job.log_ref.map(|value| ("REFGATE_LOG_REF", value.to_owned())));
        for (name, value) in [
            ("REFGATE_REPO", job.repo),
            ("REFGATE_LEVEL", job.level),
            ("REFGATE_MAX_AGE", job.max_age),
            ("REFGATE_SINCE", &job.since),
            ("REFGATE_PROGRAM", &job.program),
        ] {
            variables.extend((!value.is_empty()).then(|| (name, value.to_owned())));
        }
        self.script(&script, job, variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub fn script(&self, text: &str, job: &Job, variables: Vec<(String, String)>) -> Output {
        assert!(!text.contains("${{"), "an expression in the text of a script");
        let file = self.scratch.join("script");
        fs::write(&file, text).expect("written");
        let mut command = Command::new("sh");
        command.arg("-e").arg(&file).current_dir(&self.clone).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // A refgate of this machine is not what is tested.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::split_paths(&path).filter(|folder| !folder.join("refgate").exists());
        let path = std::env::join_paths(job.path.clone().into_iter().chain(path)).expect("a path");
        command.env("PATH", path).envs(variables);
        command.output().expect("sh runs")
    }

    /// Both packages end so, and say this.
    #[track_caller]
    pub fn expect(&self, job: &Job, code: i32, said: &str) {
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

/// What this command's program would see, without PATH.
pub fn variables_of(command: &Command) -> Vec<(OsString, OsString)> {
    let set = command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    set.filter(|(name, _)| name != "PATH").collect()
}
