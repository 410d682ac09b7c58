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

/// The agent of the example, whose private key nobody has.
const EXAMPLE_AGENT: &str = "claude-1";

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
    let agent = args.agent.as_deref().map(PrincipalName::parse).transpose().map_err(|e| format!("--agent: {e}"))?;
    let settings = settings(args.upstream.as_deref(), dir)?;
    let (file, policy_file, keys) = (dir.join("refgate.toml"), dir.join("policy.toml"), dir.join("keys"));
    let agent_key = agent.as_ref().map(|agent| keys.join(agent.as_str()));
    for path in [Some(&file), Some(&policy_file), agent_key.as_ref()].into_iter().flatten() {
        if path.symlink_metadata().is_ok() {
            return Err(format!("{} is there already; nothing was written", path.display()));
        }
    }
    for private in [&keys, &dir.join("data")] {
        DirBuilder::new().recursive(true).mode(0o700).create(private).map_err(|error| failed(private, error))?;
    }
    let key = match (&agent, &agent_key) {
        (Some(agent), Some(path)) => Some(write_key_pair(path, agent)?),
        _ => None,
    };
    let policy = policy(agent.as_ref(), key.as_deref());
    for (path, text) in [(&file, &settings), (&policy_file, &policy)] {
        write_new(path, text, 0o640).map_err(|error| failed(path, error))?;
    }
    Ok(next_steps(dir, agent.as_ref(), args.upstream.as_deref()))
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

/// The example's policy for this agent. Without one, nobody is granted anything: a key from an example lets nobody in.
fn policy(agent: Option<&PrincipalName>, key: Option<&str>) -> String {
    let mut text = String::new();
    let mut commented = false;
    for line in POLICY.lines() {
        let is_example_key = line.starts_with("keys = ");
        match (agent, key) {
            (Some(agent), _) if line == format!("[agent.{EXAMPLE_AGENT}]") => text += &format!("[agent.\"{agent}\"]"),
            (Some(_), Some(key)) if is_example_key => text += &format!("keys = [\"{key}\"]"),
            (Some(agent), _) if line.starts_with("to = ") => text += &format!("to = [\"{agent}\"]"),
            (Some(_), _) => text += line,
            (None, _) => {
                commented = match line {
                    line if line.starts_with('[') => line.starts_with("[agent.") || line == "[[grant]]",
                    _ => commented,
                };
                let comment = if commented && !line.is_empty() && !line.starts_with('#') { "#" } else { "" };
                text += &format!("{comment}{line}");
            }
        }
        text.push('\n');
    }
    text
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

fn next_steps(dir: &Path, agent: Option<&PrincipalName>, upstream: Option<&str>) -> String {
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
    let key = agent.map_or("ITS_KEY".to_owned(), |agent| {
        let path = dir.join("keys").join(agent.as_str());
        std::path::absolute(&path).unwrap_or(path).display().to_string()
    });
    let ssh = format!("ssh -i {key} -o IdentitiesOnly=yes");
    steps.push(format!("the agent: git clone -c core.sshCommand='{ssh}' ssh://refgate@localhost:2222/app"));
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
        for line in [&format!("[agent.{EXAMPLE_AGENT}]\n"), "\nkeys = ", "\nto = "] {
            assert_eq!(POLICY.matches(line).count(), 1, "{line}");
        }
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

    #[test]
    fn without_an_agent_the_examples_key_is_not_let_in() {
        for line in policy(None, None).lines() {
            assert!(!line.starts_with("keys") && !line.starts_with("[agent") && !line.starts_with("[[grant"), "{line}");
        }
        let name = PrincipalName::parse("bot-7").expect("a name");
        let text = policy(Some(&name), Some("ssh-ed25519 AAAA bot-7"));
        assert!(text.contains("[agent.\"bot-7\"]\nkeys = [\"ssh-ed25519 AAAA bot-7\"]\n") && !text.contains("AAAAC3"));
        assert!(text.contains("\nto = [\"bot-7\"]\n"));
    }
}
