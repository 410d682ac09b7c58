//! Presets: named bundles of rules, each a file here, in the language of the policy's rules.
//!
//! To add one: a file with `about` and rules of ids that no other preset has, and a line in [`PRESETS`].

mod apply;

pub use crate::policy::presets::apply::rules;
use crate::policy::settings::{MODES, Mode};
use crate::strict::{self, Problem, Table};

/// One file.
#[derive(Debug)]
pub struct Preset {
    pub name: &'static str,
    pub text: &'static str,
}

/// All presets there are.
pub const PRESETS: &[Preset] = &[
    Preset { name: "agent-default", text: include_str!("agent-default.toml") },
    Preset { name: "read-mostly-docs", text: include_str!("read-mostly-docs.toml") },
    Preset { name: "observe-all", text: include_str!("observe-all.toml") },
    Preset { name: "shai-hulud", text: include_str!("shai-hulud.toml") },
    Preset { name: "moved-tags", text: include_str!("moved-tags.toml") },
    Preset { name: "rules-file-backdoor", text: include_str!("rules-file-backdoor.toml") },
];

#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// What a preset says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// One line.
    pub about: String,
    /// Other presets whose rules are in it.
    pub includes: Vec<&'static Preset>,
    /// How its rules are meant, if they do not say so themselves.
    pub mode: Option<Mode>,
    /// Id, kind, effect and message of its own rules.
    pub rules: Vec<[String; 4]>,
}

impl PartialEq for Preset {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Preset {}

impl Preset {
    /// Reads all but the rules' own keys; what is wrong with the file a test says.
    #[must_use]
    pub fn summary(&self) -> Summary {
        strict::parse(self.name, self.text, |root, problems| Some(summary(root, problems))).unwrap_or_default()
    }

    /// The comment the file starts with.
    #[must_use]
    pub fn comment(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix('#'));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
    }
}

fn summary(root: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Summary {
    let about = root.require("about", problems).and_then(|v| v.string(problems)).unwrap_or_default().to_owned();
    let includes = root.get("includes").and_then(|v| v.strings(problems)).unwrap_or_default();
    let includes = includes.into_iter().filter_map(|(name, _)| find(name)).collect();
    let mode = root.get("mode").and_then(|v| v.one_of(&MODES, problems));
    let rules = root.get("rule").and_then(|v| v.table(problems)).map(|mut table| table.entries()).unwrap_or_default();
    let row = |(id, _, value): (String, _, strict::Value<'_, '_>)| {
        let mut table = value.table(&mut Vec::new())?;
        let [kind, then, message] = ["kind", "then", "message"].map(|key| {
            let text = table.get(key).and_then(strict::Value::as_str);
            text.unwrap_or_default().to_owned()
        });
        Some([id, kind, then, message])
    };
    Summary { about, includes, mode, rules: rules.into_iter().filter_map(row).collect() }
}
