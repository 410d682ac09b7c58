//! Webhooks against a real endpoint on loopback: signed, in order, at least once, whatever happens to either side.

use refgate::config::{Token, Webhook, WebhookFormat, WebhookUrl};
use refgate::model::{EventKind, HookName, RepoName};
use refgate::store::Store;
use refgate::webhook::{Pace, Webhooks, sign};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[path = "support/hook.rs"]
mod hook;
#[path = "events/support.rs"]
mod support;
use hook::{Answer, Delivery, Endpoint};
use support::{decision, note, open, temporary};

const FAST: Pace = Pace { first: Duration::from_millis(10), longest: Duration::from_millis(50) };

fn name() -> HookName {
    HookName::parse("ops").expect("a name")
}

/// A webhook whose secret is in a file of the data directory.
fn webhook(data: &Path, url: &str) -> Webhook {
    let secret = data.join("secret");
    std::fs::write(&secret, "it's a secret\n".replace(' ', "-")).expect("written");
    Webhook {
        url: WebhookUrl::Written(url.to_owned()),
        secret: Token::File(secret),
        format: WebhookFormat::Json,
        events: EventKind::ALL.to_vec(),
        repos: None,
        timeout: Duration::from_secs(10),
        tries: 3,
    }
}

fn start(store: &Store, webhook: Webhook) -> Webhooks {
    Webhooks::start(store, &BTreeMap::from([(name(), webhook)]), "ssh -p 2222 gate", FAST).expect("they start")
}

fn cursor(delivery: &Delivery) -> u64 {
    serde_json::from_str::<serde_json::Value>(&delivery.body).expect("JSON")["cursor"].as_u64().expect("a number")
}

fn seen(deliveries: &[Delivery]) -> Vec<(u64, u16)> {
    deliveries.iter().map(|delivery| (cursor(delivery), delivery.answered)).collect()
}

/// Waits until the webhook is past a record, as a new process would find it.
fn wait_for_position(store: &Store, position: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let positions = store.positions().expect("they open");
    while positions.start(&name()).expect("a position") < position {
        assert!(Instant::now() < deadline, "the webhook does not come to {position}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_delivery_is_the_event_signed() {
    let data = temporary();
    let store = open(data.path());
    note(&store);
    let endpoint = Endpoint::start([]);
    let _webhooks = start(&store, webhook(data.path(), &endpoint.url()));
    store.decided(&decision("claude-1", "refs/heads/agent/claude-1/x")).expect("decided");
    let [delivery] = endpoint.wait_for(1).try_into().expect("what was there before is not sent");
    assert_eq!(cursor(&delivery), 2);
    assert_eq!(delivery.header("X-Refgate-Event"), "push.accepted");
    assert_eq!(delivery.header("X-Refgate-Delivery"), "2-ops");
    assert_eq!(delivery.header("Content-Type"), "application/json");
    let timestamp: i64 = delivery.header("X-Refgate-Timestamp").parse().expect("seconds");
    assert!((jiff::Timestamp::now().as_second() - timestamp).abs() < 60);
    let signature = sign(b"it's-a-secret", timestamp, delivery.body.as_bytes());
    assert_eq!(delivery.header("X-Refgate-Signature"), signature);
}

#[test]
fn what_fails_is_sent_again_before_what_comes_after() {
    let data = temporary();
    let store = open(data.path());
    // More failures than `tries`: an endpoint that is down is waited for.
    let down = [500, 503, 429, 408, 500].map(Answer::Status);
    let endpoint = Endpoint::start(down);
    let _webhooks = start(&store, webhook(data.path(), &endpoint.url()));
    (0..3).for_each(|_| note(&store));
    let taken = endpoint.wait_for(8);
    let expected = [(1, 500), (1, 503), (1, 429), (1, 408), (1, 500), (1, 200), (2, 200), (3, 200)];
    assert_eq!(seen(&taken), expected);
    let ids: Vec<&str> = taken.iter().map(|delivery| delivery.header("X-Refgate-Delivery")).collect();
    assert_eq!(ids, ["1-ops", "1-ops", "1-ops", "1-ops", "1-ops", "1-ops", "2-ops", "3-ops"]);
}

#[test]
fn what_is_refused_is_given_up_after_its_tries() {
    let data = temporary();
    let store = open(data.path());
    let endpoint = Endpoint::start([404, 500, 400, 410, 404, 404].map(Answer::Status));
    let _webhooks = start(&store, webhook(data.path(), &endpoint.url()));
    (0..2).for_each(|_| note(&store));
    let expected = [(1, 404), (1, 500), (1, 400), (1, 410), (2, 404), (2, 404), (2, 200)];
    assert_eq!(seen(&endpoint.wait_for(7)), expected);
    wait_for_position(&store, 2);
}

#[test]
fn no_redirect_is_followed() {
    let data = temporary();
    let store = open(data.path());
    let elsewhere = Endpoint::start([]);
    let endpoint = Endpoint::start((0..3).map(|_| Answer::Redirect(elsewhere.url())));
    let _webhooks = start(&store, webhook(data.path(), &endpoint.url()));
    (0..2).for_each(|_| note(&store));
    assert_eq!(seen(&endpoint.wait_for(4)), [(1, 307), (1, 307), (1, 307), (2, 200)]);
    assert!(elsewhere.taken().is_empty());
}

#[test]
fn a_slow_endpoint_holds_up_only_its_own_events() {
    let data = temporary();
    let store = open(data.path());
    let (slow, quick) = (Endpoint::start([Answer::Silence(Duration::from_secs(600))]), Endpoint::start([]));
    let slow_one = Webhook { timeout: Duration::from_millis(300), ..webhook(data.path(), &slow.url()) };
    let other = HookName::parse("other").expect("a name");
    let both = BTreeMap::from([(name(), slow_one), (other, webhook(data.path(), &quick.url()))]);
    let _webhooks = Webhooks::start(&store, &both, "ssh GATE", FAST).expect("they start");
    note(&store);
    quick.wait_for(1);
    assert_eq!(seen(&slow.wait_for(2)), [(1, 0), (1, 200)]);
}

#[test]
fn a_stop_leaves_the_rest_for_the_next_start() {
    let data = temporary();
    let store = open(data.path());
    let endpoint = Endpoint::start([200, 500].map(Answer::Status));
    let settings = webhook(data.path(), &endpoint.url());
    let patient = Pace { first: Duration::from_secs(600), longest: Duration::from_secs(600) };
    let webhooks = Webhooks::start(&store, &BTreeMap::from([(name(), settings.clone())]), "ssh GATE", patient);
    (0..2).for_each(|_| note(&store));
    assert_eq!(seen(&endpoint.wait_for(2)), [(1, 200), (2, 500)]);
    let begun = Instant::now();
    webhooks.expect("they start").stop();
    assert!(begun.elapsed() < Duration::from_secs(60), "a stop does not wait for the next try");
    drop(store);
    let store = open(data.path());
    note(&store);
    let _webhooks = start(&store, settings);
    assert_eq!(seen(&endpoint.wait_for(4)), [(1, 200), (2, 500), (2, 200), (3, 200)]);
}

#[test]
fn one_that_was_taken_out_of_the_settings_begins_anew() {
    let data = temporary();
    let store = open(data.path());
    let endpoint = Endpoint::start([]);
    let settings = webhook(data.path(), &endpoint.url());
    start(&store, settings.clone()).stop();
    note(&store);
    Webhooks::start(&store, &BTreeMap::new(), "ssh GATE", FAST).expect("none").stop();
    let _webhooks = start(&store, settings);
    note(&store);
    assert_eq!(seen(&endpoint.wait_for(1)), [(2, 200)]);
}

#[test]
fn only_what_was_asked_for_is_sent() {
    let data = temporary();
    let store = open(data.path());
    let endpoint = Endpoint::start([]);
    let app = RepoName::parse("app").expect("a name");
    let settings = Webhook {
        events: EventKind::matching("push.*"),
        repos: Some(vec![app]),
        ..webhook(data.path(), &endpoint.url())
    };
    let _webhooks = start(&store, settings);
    note(&store);
    let other = RepoName::parse("lib").expect("a name");
    let push = decision("claude-1", "refs/heads/x");
    store.decided(&refgate::record::DecisionEntry { repo: other, ..decision("claude-1", "refs/heads/x") }).expect("1");
    store.decided(&push).expect("2");
    note(&store);
    wait_for_position(&store, 4);
    assert_eq!(seen(&endpoint.taken()), [(3, 200)]);
}

#[test]
fn a_url_and_a_secret_are_read_when_they_are_needed() {
    let data = temporary();
    let store = open(data.path());
    let endpoint = Endpoint::start([]);
    let url = data.path().join("url");
    let settings = Webhook { url: WebhookUrl::Kept(Token::File(url.clone())), ..webhook(data.path(), "") };
    let _webhooks = start(&store, settings);
    note(&store);
    // Neither no file nor a URL that may not be called loses anything.
    std::fs::write(&url, "http://192.0.2.1/hook\n").expect("written");
    std::thread::sleep(Duration::from_millis(100));
    assert!(endpoint.taken().is_empty());
    std::fs::write(&url, endpoint.url() + "\n").expect("written");
    assert_eq!(seen(&endpoint.wait_for(1)), [(1, 200)]);
}

#[test]
fn a_chat_gets_text_and_needs_no_secret() {
    for format in [WebhookFormat::Slack, WebhookFormat::Teams] {
        let data = temporary();
        let store = open(data.path());
        let endpoint = Endpoint::start([]);
        let settings = Webhook { format, secret: Token::None, ..webhook(data.path(), &endpoint.url()) };
        let _webhooks = start(&store, settings);
        let push = decision("claude-1", "refs/heads/<!channel>");
        store.decided(&push).expect("decided");
        let [delivery] = endpoint.wait_for(1).try_into().expect("one");
        assert_eq!(delivery.header("X-Refgate-Signature"), "");
        assert!(delivery.body.contains(&format!("ssh -p 2222 gate show {}", push.push)), "{}", delivery.body);
        let escaped = delivery.body.contains("&lt;!channel&gt;") && !delivery.body.contains("<!channel>");
        assert_eq!(escaped, format == WebhookFormat::Slack, "{}", delivery.body);
    }
}

// The test below runs this test program again as a child that it can kill.
const CHILD: &str = "REFGATE_TEST_WEBHOOK_CHILD";

/// Not a test by itself: what a child does.
#[test]
fn child() {
    let Ok(settings) = std::env::var(CHILD) else { return };
    let (data, url) = settings.split_once(' ').expect("two words");
    let data = Path::new(data);
    let store = open(data);
    let _webhooks = start(&store, webhook(data, url));
    std::thread::sleep(Duration::from_secs(600));
}

fn spawn_child(data: &Path, url: &str) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--exact", "child"]).env(CHILD, format!("{} {url}", data.display()));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a child")
}

#[test]
fn kill_9_loses_nothing_and_changes_no_order() {
    let data = temporary();
    let store = open(data.path());
    store.positions().expect("they open").start(&name()).expect("from the beginning on");
    let endpoint = Endpoint::start([]);
    let count = 200;
    (0..count).for_each(|_| note(&store));
    for taken in [3, 40, 90] {
        let mut child = spawn_child(data.path(), &endpoint.url());
        endpoint.wait_for(taken);
        child.kill().expect("SIGKILL");
        child.wait().expect("it is gone");
    }
    let mut child = spawn_child(data.path(), &endpoint.url());
    wait_for_position(&store, count);
    child.kill().expect("SIGKILL");
    child.wait().expect("it is gone");
    let mut cursors: Vec<u64> = endpoint.taken().iter().map(cursor).collect();
    assert!(cursors.len() as u64 <= count + 3, "one event again for each kill: {}", cursors.len());
    cursors.dedup();
    assert_eq!(cursors, (1..=count).collect::<Vec<_>>());
}

#[test]
fn a_position_only_rises_and_belongs_to_one_process() {
    let data = temporary();
    let [store, other] = [open(data.path()), open(data.path())];
    (0..5).for_each(|_| note(&store));
    let [mine, theirs] = [store.positions().expect("they open"), other.positions().expect("they open")];
    assert_eq!(mine.start(&name()).expect("a new one"), 5);
    note(&store);
    for (advance, position) in [(6, 6), (4, 6), (6, 6)] {
        mine.advance(&name(), advance).expect("advanced");
        assert_eq!(theirs.start(&name()).expect("there"), position, "{advance}");
    }
    // As after the record was replaced by an older copy.
    mine.advance(&name(), 7).expect("advanced");
    assert_eq!(theirs.start(&name()).expect("there"), 6);

    let lease = mine.lease(&name()).expect("asked");
    assert!(lease.is_some() && theirs.lease(&name()).expect("asked").is_none());
    drop(lease);
    assert!(theirs.lease(&name()).expect("asked").is_some());
    let read_only = Store::open_read_only(data.path()).expect("it opens");
    assert!(read_only.positions().is_err());
}
