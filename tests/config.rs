//! `refgate.toml`: what is taken, and what each mistake is told.

use refgate::config::{Config, ConfigError, LogFormat, PolicySource, StaleFetch, Token, Upstream};
use refgate::model::{Limits, RepoName};
use std::path::{Path, PathBuf};
use std::time::Duration;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ agents-ca";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse("refgate.toml", text, Path::new("/etc/refgate")).map_err(|problems| problems.to_string())
}

/// The smallest document with `more` below it.
fn with(more: &str) -> Result<Config, String> {
    parse(&format!("data = \"/var/lib/refgate\"\npolicy = \"policy.toml\"\n{more}"))
}

fn repo(more: &str) -> Result<Config, String> {
    with(&format!("[repo.app]\n{more}"))
}

fn upstream(more: &str) -> Upstream {
    let config = repo(more).expect(more);
    config.repos[&RepoName::parse("app").expect("a name")].upstream.clone()
}

#[test]
fn a_small_document_gets_every_default() {
    let config = with("").expect("it is complete");
    assert_eq!(config.listen, ["0.0.0.0:2222".parse().expect("an address")]);
    assert_eq!(config.data, PathBuf::from("/var/lib/refgate"));
    assert_eq!(config.policy, PolicySource::File(PathBuf::from("/etc/refgate/policy.toml")));
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.log, LogFormat::Text);
    assert!(config.user_ca.is_empty() && config.repos.is_empty());
    assert!(config.metrics_listen.is_none() && config.public_address.is_none());
}

#[test]
fn a_full_document_is_read() {
    let config = parse(&format!(
        r#"
listen = ["127.0.0.1:0", "[::1]:2222"]
data = "data"
policy = "/etc/policy.toml"
user_ca = ["{KEY}"]
log = "json"
metrics_listen = "127.0.0.1:9464"
public_address = "refgate@gate.example.com:2222"
[repo."team/app"]
upstream = "git@github.com:acme/app.git"
identity = "keys/app"
known_hosts = "keys/known_hosts"
stale_fetch = "5 min"
trusted = ["refs/heads/main", "refs/heads/release/**"]
[limits]
pack_bytes_max = "2 GiB"
"#
    ))
    .expect("all of it is right");
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.data, PathBuf::from("/etc/refgate/data"));
    assert_eq!(config.user_ca.len(), 1);
    assert_eq!(config.log, LogFormat::Json);
    assert_eq!(config.public_address.as_deref(), Some("refgate@gate.example.com:2222"));
    assert_eq!(config.limits.pack_bytes_max, 2 << 30);
    let repo = &config.repos[&RepoName::parse("team/app").expect("a name")];
    assert_eq!(repo.stale_fetch, StaleFetch::Serve { age_max: Duration::from_secs(300) });
    assert_eq!(repo.trusted.as_ref().map(Vec::len), Some(2));
    let Upstream::Ssh { user, host, port, path, identity, known_hosts } = &repo.upstream else { panic!("ssh") };
    assert_eq!(
        (user.as_deref(), host.as_str(), *port, path.as_str()),
        (Some("git"), "github.com", None, "acme/app.git")
    );
    assert_eq!(identity, Path::new("/etc/refgate/keys/app"));
    assert_eq!(known_hosts, Path::new("/etc/refgate/keys/known_hosts"));
}

#[test]
fn https_upstreams_name_where_their_token_comes_from() {
    let url = "upstream = \"https://github.com/acme/app.git\"\n";
    let Upstream::Https { username, token: Token::None, .. } = upstream(url) else { panic!("https") };
    assert_eq!(username, "x-access-token");
    let Upstream::Https { username, token: Token::Env(name), .. } =
        upstream(&format!("{url}username = \"bot\"\ntoken = {{ env = \"APP_TOKEN\" }}"))
    else {
        panic!("env")
    };
    assert_eq!((username.as_str(), name.as_str()), ("bot", "APP_TOKEN"));
    let Upstream::Https { token: Token::File(path), .. } = upstream(&format!("{url}token = {{ file = \"keys/t\" }}"))
    else {
        panic!("file")
    };
    assert_eq!(path, Path::new("/etc/refgate/keys/t"));
    let Upstream::Https { token: Token::Command(words), .. } =
        upstream(&format!("{url}token = {{ command = [\"/bin/pass\", \"-n\", \"app\"] }}"))
    else {
        panic!("command")
    };
    assert_eq!(words, ["/bin/pass", "-n", "app"]);
}

#[test]
fn each_mistake_is_shown_at_its_place() {
    assert_eq!(
        repo("upstream = \"https://x:token@github.com/acme/app.git\"").expect_err("a credential"),
        "error: a credential does not belong into the URL\n --> refgate.toml:4:12\n  |\n\
         4 | upstream = \"https://x:token@github.com/acme/app.git\"\n  |            \
         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  = help: write username = \"…\" and token = { env = \"…\" } or \
         { file = \"…\" } below it\n"
    );
    let ca = format!("user_ca = [\"{KEY}\", \"{KEY}\"]");
    let table: &[(Result<Config, String>, &str)] = &[
        (parse("policy = \"p\""), "the key `data` is missing"),
        (parse("data = \"d\""), "the key `policy` is missing"),
        (parse("data = \"\"\npolicy = \"p\""), "the path is empty"),
        (parse("data = \"~/d\"\npolicy = \"p\""), "`~` is not expanded"),
        (parse("data = \"d\"\npolicy = { repo = \"policy\", ref = \"main\", file = \"p\" }"), "not a branch"),
        (
            parse(
                "data = \"d\"\npolicy = { repo = \"p\" }\n[repo.p]\nupstream = \"/srv/p.git\"\n[repo.q]\nupstream = \"/srv/p\"",
            ),
            "[repo.q] has the upstream of [repo.p] too",
        ),
        (with("listne = []"), "did you mean `listen`?"),
        (with("listen = \"localhost:22\""), "not an address and port"),
        (with("listen = []"), "no address to listen on"),
        (with("listen = [\"0.0.0.0:1\", \"0.0.0.0:1\"]"), "the same address twice"),
        (with("listen = 22"), "expected an array, found an integer"),
        (with("log = \"jsno\""), "did you mean `json`?"),
        (with("metrics_listen = \":9464\""), "not an address and port"),
        (with("public_address = \"-x\""), "does not start with `-`"),
        (with("user_ca = [\"ssh-ed25519 x\"]"), "not an OpenSSH public key"),
        (with(&ca), "the same key twice"),
        (with("[repo.\"../x\"]\nupstream = \"/x\""), "a part of a name must not start with"),
        (with("[repo]\napp = 1"), "expected a table"),
        (repo(""), "the key `upstream` is missing"),
        (repo("upstream = \"git@h:a\"\nidentity = \"k\""), "an ssh upstream needs `known_hosts`"),
        (repo("upstream = \"git@h:a\"\nknown_hosts = \"k\""), "an ssh upstream needs `identity`"),
        (repo("upstream = \"/srv/a\"\nidentity = \"k\""), "for an ssh upstream only"),
        (repo("upstream = \"/srv/a\"\ntoken = { env = \"T\" }"), "for an https upstream only"),
        (repo("upstream = \"https://h/a\"\ntoken = \"ghp_1\""), "a token does not belong into this file"),
        (repo("upstream = \"https://h/a\"\ntoken = {}"), "exactly one place"),
        (repo("upstream = \"https://h/a\"\ntoken = { env = \"A\", file = \"b\" }"), "exactly one place"),
        (repo("upstream = \"https://h/a\"\ntoken = { env = \"A B\" }"), "not the name of an environment variable"),
        (repo("upstream = \"https://h/a\"\ntoken = { command = [] }"), "not a program"),
        (repo("upstream = \"https://h/a\"\ntoken = { envv = \"A\" }"), "did you mean `env`?"),
        (repo("upstream = \"https://h/a\"\nusername = \"a:b\""), "a username has no"),
        (repo("upstream = \"git://h/a\""), "git:// neither proves"),
        (repo("upstream = \"ext::sh -c x\""), "remote helpers"),
        (repo("upstream = \"-oProxyCommand=x\""), "must not start with `-`"),
        (repo("upstream = \"/a\\u0000b\""), "control or invisible"),
        (repo("upstream = \"http://github.com/a\""), "in clear"),
        (repo("upstream = \"/a\"\nstale_fetch = \"never\""), "write \"refuse\", or how old"),
        (repo("upstream = \"/a\"\ntrusted = [\"main\"]"), "not a pattern of full ref names"),
        (with("[limits]\npack_byte_max = 1"), "did you mean `pack_bytes_max`?"),
    ];
    for (result, expected) in table {
        let message = result.as_ref().expect_err(expected);
        assert!(message.contains(expected) && message.contains('^'), "{expected}:\n{message}");
    }
}

#[test]
fn webhooks_are_read_with_their_defaults() {
    use refgate::config::{WebhookFormat, WebhookUrl};
    use refgate::model::EventKind;
    let read = |text: &str| {
        let config = with(text).unwrap_or_else(|error| panic!("{error}"));
        config.webhooks.into_iter().next().expect("one").1
    };
    let small = read("[webhook.ops]\nurl = \"https://host/x\"\nsecret = { env = \"S\" }");
    assert!(matches!(&small.url, WebhookUrl::Written(url) if url == "https://host/x"));
    assert!(matches!(&small.secret, Token::Env(name) if name == "S"));
    assert_eq!((small.format, small.repos, small.tries), (WebhookFormat::Json, None, 8));
    assert_eq!((small.events.as_slice(), small.timeout), (EventKind::ALL, Duration::from_secs(10)));
    let full = read(
        "[webhook.chat]\nurl = { file = \"keys/url\" }\nformat = \"slack\"\nevents = [\"push.held\", \"repo.*\"]\n\
         repos = [\"app\"]\ntimeout = \"30 s\"\ntries = 1000\n[repo.app]\nupstream = \"/srv/app\"",
    );
    assert!(matches!(&full.url, WebhookUrl::Kept(Token::File(path)) if path == Path::new("/etc/refgate/keys/url")));
    assert!(matches!(full.secret, Token::None));
    assert_eq!((full.format, full.repos.map(|repos| repos.len()), full.tries), (WebhookFormat::Slack, Some(1), 1000));
    assert_eq!(full.events, [EventKind::PushHeld, EventKind::RepoFrozen, EventKind::RepoThawed, EventKind::RepoMoved]);
    assert_eq!(full.timeout, Duration::from_secs(30));
}

#[test]
fn each_mistake_of_a_webhook_is_shown_at_its_place() {
    let hook = |more: &str| with(&format!("[webhook.ops]\nurl = \"https://h/x\"\nsecret = {{ env = \"S\" }}\n{more}"));
    for (result, expected) in [
        (with("[webhook.ops]\nsecret = { env = \"S\" }"), "the key `url` is missing"),
        (with("[webhook.ops]\nurl = \"https://h/x\""), "the key `secret` is missing"),
        (with("[webhook.ops]\nurl = \"https://h/x\"\nsecret = \"s\""), "does not belong into this file"),
        (with("[webhook.ops]\nurl = \"http://h/x\"\nsecret = { env = \"S\" }"), "in clear"),
        (with("[webhook.\"a b\"]\nurl = \"https://h/x\"\nsecret = { env = \"S\" }"), "a name has only"),
        (with("[webhook]\nurl = \"https://h/x\""), "expected a table"),
        (hook("format = \"slak\""), "did you mean `slack`?"),
        (hook("events = [\"push.hold\"]"), "did you mean `push.held`?"),
        (hook("events = []"), "a webhook without events"),
        (hook("repos = [\"app\"]"), "there is no such [repo.…]"),
        (hook("repos = []"), "a webhook without repositories"),
        (hook("timeout = \"0 s\""), "not a time to wait"),
        (hook("timeout = \"31 s\""), "not a time to wait"),
        (hook("tries = 0"), "not a number of tries"),
        (hook("tries = 1001"), "not a number of tries"),
        (hook("event = [\"*\"]"), "did you mean `events`?"),
    ] {
        let message = result.expect_err(expected);
        assert!(message.contains(expected) && message.contains('^'), "{expected}:\n{message}");
    }
}

/// The names of all limits, taken from the type itself.
fn limit_names() -> Vec<String> {
    let shown = format!("{:#?}", Limits::default());
    let fields = shown.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    fields.filter(|(name, _)| !name.starts_with(' ')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_limit_can_be_set_under_its_own_name() {
    let names = limit_names();
    assert!(names.len() >= 25, "{names:?}");
    for name in names {
        let values = match name.as_str() {
            _ if name.contains("_time_") => ["\"7 s\"", "\"8 s\"", "\"0 s\"", "\"367 d\"", "\"99999999999999 d\"", "7"],
            _ if name.contains("bytes") => ["\"7 kB\"", "8000", "0", "-1", "\"18446744073709551616\"", "\"7 x\""],
            _ => ["7", "8", "0", "-1", "1.5", "\"7\""],
        };
        let set = |value: &str| with(&format!("[limits]\n{name} = {value}")).map(|config| config.limits);
        let [seven, eight] = [set(values[0]).expect(&name), set(values[1]).expect(&name)];
        assert!(seven != eight && seven != Limits::default(), "{name} is read and not used");
        for bad in &values[3..] {
            assert!(set(bad).is_err(), "{name} = {bad}");
        }
        let zero_means_none = [
            "delta_depth_max",
            "push_options_max",
            "push_option_bytes_max",
            "tag_depth_max",
            "path_depth_max",
            "drain_time_max",
            "wait_time_max",
            "held_pushes_max",
            "held_pushes_per_principal_max",
            "held_bytes_max",
            "undo_time_max",
        ];
        assert_eq!(set(values[2]).is_ok(), zero_means_none.contains(&name.as_str()), "{name} = 0");
    }
    assert!(with("[limits]\ndelta_depth_max = 65535").is_ok());
    assert!(with("[limits]\ndelta_depth_max = 65536").expect_err("16 bits").contains("16 bits"));
    assert!(with("[limits]\nidle_time_max = \"366 d\"").is_ok());
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let error = Config::load(Path::new("/nonexistent/refgate.toml")).expect_err("no file");
    assert!(matches!(error, ConfigError::Read { .. }));
    assert!(error.to_string().starts_with("cannot read /nonexistent/refgate.toml"), "{error}");
}
