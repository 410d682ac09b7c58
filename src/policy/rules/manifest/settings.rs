//! Settings of package managers: `.npmrc`, `.yarnrc`, `.yarnrc.yml`, `pip.conf`, `bunfig.toml`.

use super::formats::{toml, yaml};
use super::ini;
use super::model::{Manifest, Mark};
use super::tree::{Malformed, Node};

const NO_CERTIFICATE: &str = "lets packages come without a valid certificate";
const RUNS: &str = "can change what runs when packages are installed";
const PROXY: &str = "sends downloads through a proxy";

pub fn npmrc(text: &str) -> Result<Manifest, Malformed> {
    let mut found = Manifest::default();
    let numbered = (1_u32..).zip(text.trim_start_matches('\u{feff}').split('\n'));
    for (number, line) in numbered.flat_map(|(number, line)| line.split('\r').map(move |part| (number, part))) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';', '[']) {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, "true"));
        let (key, value, mark) = (unquoted(key), unquoted(value), Mark::Line(number));
        if key.contains("${") {
            found.hook(&key, &value, "is named by the environment, and so can be any setting", mark);
        } else {
            npm_key(&mut found, &key, &value, mark);
        }
    }
    Ok(found)
}

/// A key or value of `.npmrc`: in double quotes it is JSON.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    let json = || text.starts_with('"').then(|| serde_json::from_str(text).ok()).flatten();
    inner.map(str::to_owned).or_else(json).unwrap_or_else(|| text.to_owned())
}

fn npm_key(found: &mut Manifest, key: &str, value: &str, mark: Mark) {
    let value = value.trim_matches(['"', '\'']);
    match key.trim_end_matches("[]") {
        "registry" => found.registry(key, value, mark),
        key if key.ends_with(":registry") => found.registry(key, value, mark),
        "proxy" | "https-proxy" | "http-proxy" => found.always(key, value, PROXY, mark),
        "strict-ssl" if value == "false" => found.always(key, value, NO_CERTIFICATE, mark),
        "cafile" | "ca" => found.always(key, value, "changes which certificates count", mark),
        "replace-registry-host" if value == "always" => found.registry(key, value, mark),
        "script-shell"
        | "shell"
        | "git"
        | "node-options"
        | "onload-script"
        | "init-module"
        | "node-gyp"
        | "pnpmfile"
        | "global-pnpmfile"
        | "only-built-dependencies-file"
        | "prefix"
        | "userconfig"
        | "globalconfig"
        | "yarn-path" => found.hook(key, value, RUNS, mark),
        "ignore-scripts" if value == "false" => found.hook(key, value, RUNS, mark),
        "unsafe-perm" | "dangerously-allow-all-builds" | "foreground-scripts" if value != "false" => {
            found.hook(key, value, RUNS, mark);
        }
        "package-lock" | "verify-store-integrity" if value == "false" => {
            found.always(key, value, "lets packages differ from the lock file", mark);
        }
        _ => {}
    }
}

/// Version 1: `key value` or `"key" "value"`.
pub fn yarnrc(text: &str) -> Result<Manifest, Malformed> {
    let mut found = Manifest::default();
    for (number, line) in (1_u32..).zip(text.lines()) {
        let line = line.trim();
        let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        npm_key(&mut found, key.trim_matches(['"', '\'', ':']), value.trim(), Mark::Line(number));
    }
    Ok(found)
}

pub fn yarnrc_yml(text: &str) -> Result<Manifest, Malformed> {
    let root = yaml(text)?;
    let mut found = Manifest::of(&root);
    for keys in [&["npmRegistryServer"][..], &["npmScopes", "*", "npmRegistryServer"], &["npmAuditRegistry"]] {
        for node in root.at(keys) {
            found.registry(keys.last().copied().unwrap_or_default(), node.flat(), Mark::Line(node.line));
        }
    }
    for (url, node) in root.at(&["npmRegistries"]).into_iter().flat_map(Node::entries) {
        let url = if url.starts_with("//") { format!("https:{url}") } else { url.to_owned() };
        found.registry("npmRegistries", url, Mark::Line(node.line));
    }
    for (key, effect) in [
        ("yarnPath", "is run instead of yarn"),
        ("plugins", "is run by yarn"),
        ("enableScripts", RUNS),
        ("packageExtensions", "adds dependencies to other packages"),
    ] {
        let on = root.at(&[key]).into_iter().filter(|node| node.is_set());
        on.for_each(|node| found.hook(key, node.flat(), effect, Mark::Line(node.line)));
    }
    for (key, why) in [
        ("unsafeHttpWhitelist", "lets packages come unencrypted"),
        ("httpProxy", PROXY),
        ("httpsProxy", PROXY),
        ("httpsCaFilePath", "changes which certificates count"),
        ("networkSettings", "changes how packages are downloaded"),
    ] {
        let on = root.at(&[key]).into_iter().filter(|node| node.is_set());
        on.for_each(|node| found.always(key, node.flat(), why, Mark::Line(node.line)));
    }
    for (key, why) in
        [("enableStrictSsl", NO_CERTIFICATE), ("checksumBehavior", "lets packages differ from the lock file")]
    {
        let off = root
            .at(&[key])
            .into_iter()
            .filter(|node| !node.is_set() || matches!(node.text(), Some("ignore" | "update")));
        off.for_each(|node| found.always(key, node.flat(), why, Mark::Line(node.line)));
    }
    Ok(found)
}

pub fn pip_conf(text: &str) -> Result<Manifest, Malformed> {
    let mut found = Manifest::default();
    for entry in ini::entries(text) {
        let key = entry.key.to_ascii_lowercase().replace('_', "-");
        for (line, value) in &entry.values {
            let mark = Mark::Line(*line);
            match key.as_str() {
                "index-url" | "extra-index-url" | "find-links" | "index" | "pypi-url" => {
                    value.split_whitespace().for_each(|url| found.registry(key.clone(), url, mark.clone()));
                }
                "trusted-host" => found.always(key.clone(), value.clone(), NO_CERTIFICATE, mark),
                "proxy" => found.always(key.clone(), value.clone(), PROXY, mark),
                "cert" | "client-cert" => {
                    found.always(key.clone(), value.clone(), "changes which certificates count", mark);
                }
                "requirement" | "constraint" | "editable" => {
                    found.always(key.clone(), value.clone(), "adds to what is installed", mark);
                }
                "python" | "global-option" | "config-settings" => found.hook(key.clone(), value.clone(), RUNS, mark),
                _ => {}
            }
        }
    }
    Ok(found)
}

pub fn bunfig(text: &str) -> Result<Manifest, Malformed> {
    let root = toml(text)?;
    let mut found = Manifest::of(&root);
    for keys in [
        &["install", "registry"][..],
        &["install", "registry", "url"],
        &["install", "scopes", "*"],
        &["install", "scopes", "*", "url"],
    ] {
        for node in root.at(keys).into_iter().filter(|node| node.text().is_some()) {
            found.registry(keys.join("."), node.flat(), Mark::Line(node.line));
        }
    }
    for keys in [&["preload"][..], &["test", "preload"], &["run", "shell"], &["install", "security", "scanner"]] {
        for node in root.at(keys).into_iter().filter(|node| node.is_set()) {
            found.hook(keys.join("."), node.flat(), "is run by bun", Mark::Line(node.line));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_all_tools_are_read() {
        let counts = |found: Result<Manifest, Malformed>| found.map(|f| (f.settings.len(), f.hooks.len())).unwrap();
        let text = "registry=https://r.example\n@s:registry=https://s.example\n//r.example/:_authToken=x\nstrict-ssl=false\nscript-shell=x\nsave-exact=true\n";
        assert_eq!(counts(npmrc(text)), (3, 1));
        for text in [
            "a=b\n  registry = https://r",
            "a=b\rregistry=https://r",
            "\"reg\\u0069stry\"='https://r'",
            "[s]\nregistry=x",
        ] {
            assert_eq!(counts(npmrc(text)), (1, 0), "{text:?}");
        }
        assert_eq!(counts(npmrc("regist${NO?}ry=https://r.example\n")), (0, 1));
        assert_eq!(counts(yarnrc("registry \"https://r.example\"\nyarn-path \"./x.js\"\n")), (1, 1));
        let text = "npmRegistryServer: https://r.example\nnpmScopes:\n  s:\n    npmRegistryServer: https://s.example\nyarnPath: .yarn/x.cjs\nenableStrictSsl: false\n";
        assert_eq!(counts(yarnrc_yml(text)), (3, 1));
        let text = "[global]\nindex-url = https://r.example\nextra-index-url =\n  https://a.example\n  https://b.example\n[install]\ntrusted-host = x\n";
        assert_eq!(counts(pip_conf(text)), (4, 0));
        assert_eq!(counts(bunfig("preload = [\"./x.ts\"]\n[install.scopes]\ns = \"https://s.example\"\n")), (1, 1));
    }
}
