//! `refgate init`: commented settings, a policy and a directory for keys. Never overwrites anything.
//!
//! What is written is what `deploy/` holds, with the few lines that differ replaced.

use super::{DONE, InitArgs, cannot, print};
use crate::config::Config;
use crate::model::PrincipalName;
use ssh_key::LineEnding;
use ssh_key::private::{Ed25519Keypair, PrivateKey};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::ExitCode;

const SETTINGS: &str = include_str!("../../deploy/refgate.toml");
const POLICY: &str = include_str!("../../deploy/policy.toml");

const SSH_UPSTREAM: &str = "upstream = \"git@git.example.com:acme/app.git\"\n";
const SSH_CREDENTIALS: [&str; 2] = ["identity = \"keys/app_deploy\"\n", "known_hosts = \"keys/known_hosts\"\n"];

/// The agent and the human of the example, whose private keys nobody has.
const EXAMPLE_AGENT: &str = "[agent.claude-1]";
const EXAMPLE_HUMAN: &str = "[human.dana]";
/// The rule of the example that asks a human.
const HOLDING: &str = "[rule.ci-files]";

pub fn run(args: &InitArgs) -> ExitCode {
    match init(args) {
        Ok(text) => {
            print(&text);
            DONE
        }
        Err(why) => cannot(why),
    }
}

fn init(args: &InitArgs) -> Result<String, String> {
    let dir = &args.dir;
    let failed = |path: &Path, error: io::Error| format!("cannot write {}: {error}", path.display());
    let name = |option: &str, name: Option<&str>| -> Result<Option<PrincipalName>, String> {
        name.map(PrincipalName::parse).transpose().map_err(|error| format!("{option}: {error}"))
    };
    let (agent, human) = (name("--agent", args.agent.as_deref())?, name("--human", args.human.as_deref())?);
    if agent.is_some() && agent == human {
        return Err("--agent and --human: one name for two".to_owned());
    }
    let settings = settings(args.upstream.as_deref(), dir)?;
    let (file, policy_file, keys) = (dir.join("refgate.toml"), dir.join("policy.toml"), dir.join("keys"));
    let key_files = [&agent, &human].into_iter().flatten().map(|name| keys.join(name.as_str()));
    for path in key_files.chain([file.clone(), policy_file.clone()]) {
        if path.symlink_metadata().is_ok() {
            return Err(format!("{} is there already; nothing was written", path.display()));
        }
    }
    for private in [&keys, &dir.join("data")] {
        DirBuilder::new().recursive(true).mode(0o700).create(private).map_err(|error| failed(private, error))?;
    }
    let make = |name: PrincipalName| -> Result<Made, String> {
        Ok(Made { public: write_key_pair(&keys.join(name.as_str()), &name)?, name })
    };
    let (agent, human) = (agent.map(make).transpose()?, human.map(make).transpose()?);
    let policy = policy(agent.as_ref(), human.as_ref());
    for (path, text) in [(&file, &settings), (&policy_file, &policy)] {
        write_new(path, text, 0o640).map_err(|error| failed(path, error))?;
    }
    Ok(next_steps(dir, agent.as_ref(), human.as_ref(), args.upstream.as_deref()))
}

/// The example's settings with this upstream; what comes out is checked before anything is written.
fn settings(upstream: Option<&str>, dir: &Path) -> Result<String, String> {
    let mut text = SETTINGS.replace("data = \"/var/lib/refgate\"", "data = \"data\"");
    if let Some(upstream) = upstream {
        let local = Path::new(upstream);
        let upstream = match local.is_dir() {
            // Relative to where the command was run, not to the file.
            true => std::path::absolute(local).map_err(|e| e.to_string())?.display().to_string(),
            false => upstream.to_owned(),
        };
        let quoted = serde_json::to_string(&upstream).map_err(|error| error.to_string())?;
        text = text.replace(SSH_UPSTREAM, &format!("upstream = {quoted}\n"));
    }
    let base = std::path::absolute(dir).map_err(|error| error.to_string())?;
    let Err(with_ssh) = Config::parse("refgate.toml", &text, &base) else { return Ok(text) };
    // Not an ssh upstream, then: without ssh's credentials, and with a token if it takes one.
    let is_https = upstream.is_some_and(|upstream| upstream.starts_with("http"));
    let token = if is_https { "token = { file = \"keys/app_token\" }\n" } else { "" };
    text = SSH_CREDENTIALS.iter().fold(text, |text, line| text.replacen(line, &format!("#{line}"), 1));
    text = text.replacen("#identity", &format!("{token}#identity"), 1);
    match Config::parse("refgate.toml", &text, &base) {
        Ok(_) => Ok(text),
        Err(_) => {
            let first = with_ssh.list.first();
            let message = first.map_or(String::new(), |problem| format!("{} ({})", problem.message, problem.help));
            Err(format!("--upstream: {message}"))
        }
    }
}

/// A principal with the key that was made for it.
struct Made {
    name: PrincipalName,
    public: String,
}

/// The example's policy for these two. Nobody gets in by a key from an example, and what nobody is there to approve is
/// refused.
fn policy(agent: Option<&Made>, human: Option<&Made>) -> String {
    let mut section = "";
    let mut text = String::new();
    for line in POLICY.lines() {
        if line.starts_with('[') {
            section = line;
        }
        text += &match section {
            EXAMPLE_AGENT | "[[grant]]" => of_agent(line, agent),
            EXAMPLE_HUMAN | "[group]" => of_human(line, human),
            HOLDING if human.is_none() && line.starts_with("then = ") => "then = \"refuse\"".to_owned(),
            _ if human.is_none() && line.starts_with("approvers = ") => comment(line),
            _ => line.to_owned(),
        };
        text.push('\n');
    }
    text
}

fn of_agent(line: &str, agent: Option<&Made>) -> String {
    match agent {
        None => comment(line),
        Some(agent) if line == EXAMPLE_AGENT => format!("[agent.\"{}\"]", agent.name),
        Some(agent) if line.starts_with("keys = ") => format!("keys = [\"{}\"]", agent.public),
        Some(agent) if line.starts_with("to = ") => format!("to = [\"{}\"]", agent.name),
        Some(_) => line.to_owned(),
    }
}

fn of_human(line: &str, human: Option<&Made>) -> String {
    match human {
        None => comment(line),
        Some(human) if line == EXAMPLE_HUMAN => format!("[human.\"{}\"]", human.name),
        Some(human) if line.starts_with("keys = ") => format!("keys = [\"{}\"]", human.public),
        Some(human) if line.starts_with("owners = ") => format!("owners = [\"{}\"]", human.name),
        Some(_) => line.to_owned(),
    }
}

fn comment(line: &str) -> String {
    let mark = if line.is_empty() || line.starts_with('#') { "" } else { "#" };
    format!("{mark}{line}")
}

/// Makes an Ed25519 key pair and returns the public key's line.
pub(super) fn write_key_pair(path: &Path, agent: &PrincipalName) -> Result<String, String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| format!("no random numbers: {error}"))?;
    let pair = Ed25519Keypair::from_seed(&seed);
    let key = PrivateKey::new(pair.into(), agent.as_str()).map_err(|error| error.to_string())?;
    let private = key.to_openssh(LineEnding::LF).map_err(|error| error.to_string())?;
    let public = key.public_key().to_openssh().map_err(|error| error.to_string())?;
    let failed = |error: io::Error| format!("cannot write {}: {error}", path.display());
    write_new(path, &private, 0o600).map_err(failed)?;
    write_new(&path.with_file_name(format!("{agent}.pub")), &format!("{public}\n"), 0o644).map_err(failed)?;
    Ok(public)
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(text.as_bytes())
}

fn next_steps(dir: &Path, agent: Option<&Made>, human: Option<&Made>, upstream: Option<&str>) -> String {
    let at = |name: &str| dir.join(name).display().to_string();
    let config = at("refgate.toml");
    let mut steps = Vec::new();
    if upstream.is_none() {
        steps.push(format!("in {config}, set `upstream` to the real repository"));
    }
    match upstream {
        Some(url) if url.starts_with("http") => {
            steps.push(format!("put a token that may push there into {}", at("keys/app_token")))
        }
        Some(url) if url.contains(':') => steps.push(ssh_step(&at)),
        None => steps.push(ssh_step(&at)),
        Some(_) => {}
    }
    if agent.is_none() {
        let policy = at("policy.toml");
        steps.push(format!("in {policy}, put in the agent's public key and take the `#` off its grant"));
    }
    steps.push(format!("refgate --config {config} check-config && refgate --config {config} doctor"));
    steps.push(format!("refgate --config {config} serve"));
    let known = at("data/host_key.pub");
    steps.push(format!(
        "pin the gate where the agent works: sed 's/^/[localhost]:2222 /' {known} >> ~/.ssh/known_hosts"
    ));
    // Absolute: git runs it in the clone, also for later pushes.
    let ssh = |who: Option<&Made>| {
        let key = who.map_or("ITS_KEY".to_owned(), |who| {
            let path = dir.join("keys").join(who.name.as_str());
            std::path::absolute(&path).unwrap_or(path).display().to_string()
        });
        format!("ssh -i {key} -o IdentitiesOnly=yes")
    };
    let agent = ssh(agent);
    steps.push(format!("the agent: git clone -c core.sshCommand='{agent}' ssh://refgate@localhost:2222/app"));
    if let Some(human) = human {
        steps.push(format!("{}: {} -p 2222 refgate@localhost help", human.name, ssh(Some(human))));
    }
    steps.push("take every other way to write to the real repository from the agents".to_owned());
    let written = ["policy.toml", "keys/", "data/"].map(at).join(", ");
    let mut text = format!("Written: {config}, {written}\nNext:\n");
    for (index, step) in steps.iter().enumerate() {
        text += &format!("  {}. {step}\n", index + 1);
    }
    text
}

fn ssh_step(at: &dyn Fn(&str) -> String) -> String {
    let (key, hosts) = (at("keys/app_deploy"), at("keys/known_hosts"));
    format!(
        "make {key} (ssh-keygen -t ed25519 -N '' -f {key}), let it push there; pin the host: ssh-keyscan HOST > {hosts}, and compare"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_is_replaced_is_in_the_example_once() {
        for line in SSH_CREDENTIALS.iter().chain(&[SSH_UPSTREAM, "data = \"/var/lib/refgate\"\n"]) {
            assert_eq!(SETTINGS.matches(line).count(), 1, "{line}");
        }
        for line in [EXAMPLE_AGENT, EXAMPLE_HUMAN, HOLDING, "to = ", "owners = ", "then = \"hold\"", "approvers = "] {
            assert_eq!(POLICY.lines().filter(|found| found.starts_with(line)).count(), 1, "{line}");
        }
        assert_eq!(POLICY.matches("\nkeys = ").count(), 2);
    }

    #[test]
    fn each_kind_of_upstream_gets_settings_that_are_right() {
        for upstream in [
            "git@github.com:acme/app.git",
            "ssh://git@host:22/app",
            "https://github.com/acme/app.git",
            "http://localhost:80/a",
            "/srv/git/app.git",
            "/srv/\"quoted\\/app.git",
        ] {
            let text = settings(Some(upstream), Path::new("/etc/refgate")).expect(upstream);
            Config::parse("refgate.toml", &text, Path::new("/etc/refgate")).expect(upstream);
        }
        let refusal = settings(Some("git://host/app"), Path::new("/etc")).expect_err("not a way to push");
        assert!(refusal.starts_with("--upstream: git:// neither"), "{refusal}");
    }

    fn made(name: &str) -> Made {
        Made { name: PrincipalName::parse(name).expect("a name"), public: format!("ssh-ed25519 AAAA {name}") }
    }

    #[test]
    fn without_an_agent_or_a_human_the_examples_keys_are_not_let_in() {
        let text = policy(None, None);
        for line in text.lines() {
            let starts = ["keys", "[agent", "[[grant", "[human", "[group", "owners", "approvers"];
            assert!(!starts.iter().any(|start| line.starts_with(start)), "{line}");
        }
        assert!(text.contains("[rule.ci-files]\n") && !text.contains("\nthen = \"hold\""), "nobody could approve it");
        let text = policy(Some(&made("bot-7")), None);
        assert!(text.contains("[agent.\"bot-7\"]\nkeys = [\"ssh-ed25519 AAAA bot-7\"]\n"));
        assert!(text.contains("\nto = [\"bot-7\"]\n") && !text.contains("\n[human"));
        let text = policy(Some(&made("bot-7")), Some(&made("kim")));
        assert!(text.contains("[human.\"kim\"]\nkeys = [\"ssh-ed25519 AAAA kim\"]\n"));
        assert!(text.contains("\nowners = [\"kim\"]\n") && text.contains("\nthen = \"hold\"\n"));
        assert!(!text.contains("AAAAC3"));
    }
}
