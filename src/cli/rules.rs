//! `refgate rules [NAME]`: what kinds of rules and which presets there are, and one of them in full.

use super::{DONE, cannot, print};
use crate::policy::presets::PRESETS;
use crate::policy::rules::KINDS;
use crate::strict::suggest;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct RulesArgs {
    /// A kind of rule or a preset, to be told in full.
    pub name: Option<String>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &RulesArgs) -> ExitCode {
    let Some(name) = &args.name else {
        print(&if args.json { format!("{}\n", all_json()) } else { all() });
        return DONE;
    };
    let kind = KINDS.iter().find(|kind| kind.name == name).map(|kind| kind.doc);
    let preset = PRESETS.iter().find(|preset| preset.name == name).map(|preset| preset.text);
    let Some(text) = kind.or(preset) else {
        let names: Vec<&str> =
            KINDS.iter().map(|kind| kind.name).chain(PRESETS.iter().map(|preset| preset.name)).collect();
        return cannot(format!(
            "there is no kind of rule or preset `{}`; {}",
            name.escape_debug(),
            suggest(name, &names)
        ));
    };
    match args.json {
        true => print(&format!("{}\n", json!({ "name": name, "text": text }))),
        false => print(&format!("{}\n", text.trim_end())),
    }
    DONE
}

/// The first sentence of what a kind says of itself.
fn sentence(doc: &str) -> String {
    let text = doc.split_once('\n').map_or("", |(_, text)| text);
    let lines = text.lines().take_while(|line| !line.starts_with("    "));
    let text = lines.collect::<Vec<_>>().join(" ");
    text.split_once(". ").map_or(text.clone(), |(first, _)| format!("{first}."))
}

fn all() -> String {
    let mut text = "Kinds of rules: kind = \"NAME\" in [rule.ID]\n".to_owned();
    for kind in KINDS {
        let _ = writeln!(text, "  {:<18}{}", kind.name, sentence(kind.doc));
    }
    text.push_str("\nPresets: preset = \"NAME\" in [repo.NAME]\n");
    for preset in PRESETS {
        let _ = writeln!(text, "  {:<20}{}", preset.name, preset.summary().about);
    }
    text.push_str("\n`refgate rules NAME` tells of one in full.\n");
    text
}

fn all_json() -> Value {
    let kinds: Vec<Value> = KINDS.iter().map(|k| json!({ "name": k.name, "about": sentence(k.doc) })).collect();
    let preset = |preset: &crate::policy::presets::Preset| {
        let summary = preset.summary();
        let ids: Vec<String> = summary.rules.into_iter().map(|[id, ..]| id).collect();
        json!({ "name": preset.name, "about": summary.about, "rules": ids })
    };
    json!({ "kinds": kinds, "presets": PRESETS.iter().map(preset).collect::<Vec<Value>>() })
}
