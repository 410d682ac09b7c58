//! What shell scripts of a CI file do that no script should: by looking at the text, not by understanding it.

use regex::Regex;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

/// A download that goes straight into an interpreter.
static DOWNLOAD: LazyLock<Regex> = LazyLock::new(|| {
    let get = r"(?:curl|wget|aria2c|iwr|irm|invoke-webrequest|invoke-restmethod)\b";
    let same_line = r"(?:[^\n]|\\\r?\n)*?";
    let before = r"(?:(?:sudo|doas|env|command|exec|nohup|time|xargs)\s+(?:[-\w=./:]+\s+)*?)*(?:[\w./-]*/)?";
    let shell = r"(?:(?:ba|z|da|k|a|c|tc|fi)?sh|pwsh|powershell|iex|invoke-expression)\b";
    // These read their program from what is piped in only if they are given none.
    let language = r"(?:python[0-9.]*|node|deno|perl|ruby|php)[ \t]*(?:-[ \t]*)?(?:$|[\n;&|)])";
    let piped = format!(r"\b{get}{same_line}\|&?\s*{before}(?:{shell}|{language})");
    let runs = r"(?:\b(?:(?:ba|z|da|k)?sh|source|eval|python[0-9.]*|node|perl|ruby|php)\b|(?:^|[\s;&|])\.\s)";
    let substituted = format!("{runs}[^\n]*?(?:<\\(|\\$\\(|`)\\s*{get}");
    let powershell = format!(r"\b(?:iex|invoke-expression)\b[^\n]*?\b(?:{get}|downloadstring\b)");
    Regex::new(&format!("(?im)(?:{piped}|{substituted}|{powershell})")).expect("a good pattern")
});

/// Offsets of downloads that are run unseen.
#[must_use]
pub fn downloads(script: &str) -> Vec<usize> {
    DOWNLOAD.find_iter(script).map(|found| found.start()).collect()
}

static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$(?:\{|env:)?#?([A-Za-z_][A-Za-z0-9_]*)").expect("a good pattern"));

/// Offset and name of every variable a script reads.
pub fn variables(script: &str) -> impl Iterator<Item = (usize, &str)> {
    let groups = VARIABLE.captures_iter(script);
    groups.filter_map(|groups| groups.get(1).map(|name| (name.start(), name.as_str())))
}

/// A command that reads a text as a program.
static EVAL: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?m)(?:^|[\s;&|(`'\x22])(?:eval\s|(?:\S*/)?(?:(?:ba|z|da|k)?sh|su|python[0-9.]*)\s+(?:-\S+\s+)*-[a-z]*c\b|(?:\S*/)?ssh\s|(?:node|perl|ruby)\s+-e\b)";
    Regex::new(pattern).expect("a good pattern")
});

/// The lines, with their offset, that hand a text to an interpreter.
pub fn evaluated_lines(script: &str) -> impl Iterator<Item = (usize, &str)> {
    lines(script).filter(|(_, line)| EVAL.is_match(line))
}

/// Each line with its offset.
pub fn lines(script: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    script.split_inclusive('\n').map(move |line| {
        let at = start;
        start += line.len();
        (at, line)
    })
}

/// Variables that change what every later program does.
const LOADED: [&str; 19] = [
    "BASH_ENV",
    "DYLD_INSERT_LIBRARIES",
    "DYLD_LIBRARY_PATH",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSL_NO_VERIFY",
    "JAVA_TOOL_OPTIONS",
    "LD_AUDIT",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "NODE_OPTIONS",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "PERL5OPT",
    "PROMPT_COMMAND",
    "PYTHONSTARTUP",
    "RUBYOPT",
    "RUSTC_WRAPPER",
    "ACTIONS_ALLOW_UNSECURE_COMMANDS",
    "ACTIONS_ALLOW_USE_UNSECURE_NODE_VERSION",
];

/// Whether a variable of this name and value loads code or switches a check off in programs that follow.
#[must_use]
pub fn is_loaded(name: &str, value: &str) -> bool {
    // The one use of it that everybody has: more memory.
    let is_memory = |word: &str| word.starts_with("--max-old-space-size=") || word.starts_with("--max_old_space_size=");
    let is_harmless = name.eq_ignore_ascii_case("NODE_OPTIONS") && value.split_ascii_whitespace().all(is_memory);
    LOADED.iter().any(|loaded| loaded.eq_ignore_ascii_case(name)) && !is_harmless
}

/// The name of such a variable that a line assigns.
#[must_use]
pub fn loaded_in(line: &str) -> Option<&'static str> {
    let assigns = |name: &&&str| {
        line.match_indices(**name).any(|(at, _)| {
            let (before, after) = line.split_at(at);
            let starts = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let value = after.get(name.len()..).and_then(|rest| rest.strip_prefix('='));
            starts && value.is_some_and(|value| is_loaded(name, &start_of(value)))
        })
    };
    LOADED.iter().find(assigns).copied()
}

/// The value up to a quote; a long one is never harmless, whatever it starts with.
fn start_of(value: &str) -> String {
    let start: String = value.chars().take(200).take_while(|c| !matches!(c, '"' | '\'')).collect();
    if start.chars().count() == 200 { format!("{start} …") } else { start }
}

/// Stands for a text when two versions are compared.
#[must_use]
pub fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_downloads_that_are_run_unseen() {
        let table = [
            ("curl -fsSL https://example.com/install.sh | sh", true),
            ("curl https://example.com/i | sudo -E bash -s -- -y", true),
            ("wget -qO- https://example.com/i |\n  /bin/sh", true),
            ("curl \\\n  -L https://example.com/i \\\n  | bash", true),
            ("curl -L https://example.com/i | tee log | bash", true),
            ("bash <(curl -s https://example.com/i)", true),
            ("sh -c \"$(curl -fsSL https://example.com/i)\"", true),
            ("eval \"`wget -qO- https://example.com/i`\"", true),
            ("source <(curl -s https://example.com/i)", true),
            ("curl https://example.com/get.py | python3 -", true),
            ("curl https://example.com/get.py | python3", true),
            ("iwr https://example.com/i.ps1 -UseBasicParsing | iex", true),
            ("iex ((New-Object Net.WebClient).DownloadString('https://example.com/i'))", true),
            ("curl https://example.com/a.tgz | tar xz", false),
            ("curl https://example.com/a | sha256sum -c", false),
            ("curl https://example.com/a | python3 -m json.tool", false),
            ("curl https://example.com/a | python3 -c 'import json'", false),
            ("curl -o a.sh https://example.com/a", false),
            ("VERSION=$(curl https://example.com/version)", false),
            ("echo curl\nls | sh", false),
        ];
        for (script, found) in table {
            assert_eq!(!downloads(script).is_empty(), found, "{script}");
        }
    }

    #[test]
    fn finds_lines_that_evaluate_and_variables_that_load() {
        let table = [
            ("eval \"$X\"", true),
            ("bash -c \"echo $X\"", true),
            ("/bin/sh -exc \"$X\"", true),
            ("ssh host \"deploy $X\"", true),
            ("echo \"$X\"", false),
            ("./evaluate $X", false),
            ("bash ci.sh", false),
        ];
        for (line, found) in table {
            assert_eq!(evaluated_lines(line).count() > 0, found, "{line}");
        }
        assert!(is_loaded("LD_PRELOAD", "/x") && is_loaded("NODE_OPTIONS", "--require ./x.js"));
        assert!(!is_loaded("NODE_OPTIONS", "--max-old-space-size=4096") && !is_loaded("PATH_INFO", ""));
        assert_eq!(loaded_in("echo \"LD_PRELOAD=/x\" >> $GITHUB_ENV"), Some("LD_PRELOAD"));
        assert_eq!(loaded_in("echo \"MY_LD_PRELOAD=/x\""), None);
        let names: Vec<&str> = variables("a $X ${Y:-1} $env:Z $(w) ${#V}").map(|(_, name)| name).collect();
        assert_eq!(names, ["X", "Y", "Z", "V"]);
    }
}
