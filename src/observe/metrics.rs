//! The numbers, and how Prometheus reads them.

use crate::record::{RefResult, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Kinds of rules told apart; more are counted together.
const KINDS_MAX: usize = 100;

/// Part of a push whose time is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Receive,
    Inspect,
    Examine,
    Judge,
    Record,
    Forward,
}

/// Everything that is counted. One for a process, shared.
#[derive(Debug, Default)]
pub struct Metrics {
    accepted: AtomicU64,
    held: AtomicU64,
    refused: AtomicU64,
    aborted: AtomicU64,
    forwarded: AtomicU64,
    rejected: AtomicU64,
    moved: AtomicU64,
    unknown: AtomicU64,
    findings: Mutex<BTreeMap<String, u64>>,
    observed: Mutex<BTreeMap<(String, &'static str), u64>>,
    connections: AtomicU64,
    connections_open: AtomicU64,
    auth_failures: AtomicU64,
    push: Histogram,
    receive: Histogram,
    inspect: Histogram,
    examine: Histogram,
    judge: Histogram,
    record: Histogram,
    forward: Histogram,
}

/// Counts a connection as open until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct ConnectionOpen(Arc<Metrics>);

impl Drop for ConnectionOpen {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A push was decided, so long after its first byte.
    pub fn decided(&self, verdict: Verdict, time: Duration) {
        match verdict {
            Verdict::Accept => add_one(&self.accepted),
            Verdict::Hold => add_one(&self.held),
            Verdict::Refuse => add_one(&self.refused),
        }
        self.push.observe(time);
    }

    /// A push ended before it was decided.
    pub fn aborted(&self) {
        add_one(&self.aborted);
    }

    /// A rule of this kind, or a fixed check such as `write.outside-grant`, had a finding.
    pub fn finding(&self, kind: &str) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = if findings.len() < KINDS_MAX || findings.contains_key(kind) { kind } else { "other" };
        *findings.entry(kind.to_owned()).or_default() += 1;
    }

    /// A rule that only observes had a finding, and would have had this effect.
    pub fn observed(&self, kind: &str, would: &'static str) {
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (kind.to_owned(), would);
        if observed.len() >= KINDS_MAX && !observed.contains_key(&key) {
            key.0 = "other".to_owned();
        }
        *observed.entry(key).or_default() += 1;
    }

    /// What the upstream did with one ref.
    pub fn outcome(&self, result: RefResult) {
        match result {
            RefResult::Forwarded => add_one(&self.forwarded),
            RefResult::Rejected => add_one(&self.rejected),
            RefResult::Moved => add_one(&self.moved),
            RefResult::Unknown => add_one(&self.unknown),
        }
    }

    pub fn connection(self: &Arc<Self>) -> ConnectionOpen {
        add_one(&self.connections);
        add_one(&self.connections_open);
        ConnectionOpen(Arc::clone(self))
    }

    pub fn auth_failure(&self) {
        add_one(&self.auth_failures);
    }

    pub fn stage(&self, stage: Stage, time: Duration) {
        tracing::debug!(?stage, micros = time.as_micros(), "stage ended");
        match stage {
            Stage::Receive => self.receive.observe(time),
            Stage::Inspect => self.inspect.observe(time),
            Stage::Examine => self.examine.observe(time),
            Stage::Judge => self.judge.observe(time),
            Stage::Record => self.record.observe(time),
            Stage::Forward => self.forward.observe(time),
        }
    }

    /// The text format of Prometheus, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        let decisions =
            [("accept", &self.accepted), ("hold", &self.held), ("refuse", &self.refused), ("none", &self.aborted)];
        counter(&mut text, "pushes", "Pushes by decision; none: ended before there was one.", "decision", &decisions);
        let outcomes = [
            ("forwarded", &self.forwarded),
            ("rejected", &self.rejected),
            ("moved", &self.moved),
            ("unknown", &self.unknown),
        ];
        counter(&mut text, "forwarded_refs", "Refs of accepted pushes by what the upstream did.", "outcome", &outcomes);
        head(&mut text, "findings_total", "Findings by kind of rule.", "counter");
        for (kind, count) in self.findings.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(text, "refgate_findings_total{{kind=\"{}\"}} {count}", label(kind));
        }
        head(
            &mut text,
            "observed_findings_total",
            "Findings of rules that only observe, by their own effect.",
            "counter",
        );
        for ((kind, would), count) in self.observed.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let kind = label(kind);
            let _ = writeln!(text, "refgate_observed_findings_total{{kind=\"{kind}\",would=\"{would}\"}} {count}");
        }
        for (name, help, kind, value) in [
            ("connections_total", "Connections taken.", "counter", &self.connections),
            ("connections_open", "Connections open now.", "gauge", &self.connections_open),
            ("auth_failures_total", "Authentication tries that failed.", "counter", &self.auth_failures),
        ] {
            head(&mut text, name, help, kind);
            let _ = writeln!(text, "refgate_{name} {}", value.load(Ordering::Relaxed));
        }
        head(&mut text, "push_seconds", "From a push's first byte to its decision.", "histogram");
        self.push.render(&mut text, "push_seconds", "");
        head(&mut text, "stage_seconds", "Time in one stage of a push.", "histogram");
        for (stage, histogram) in [
            ("receive", &self.receive),
            ("inspect", &self.inspect),
            ("examine", &self.examine),
            ("judge", &self.judge),
            ("record", &self.record),
            ("forward", &self.forward),
        ] {
            histogram.render(&mut text, "stage_seconds", &format!("stage=\"{stage}\""));
        }
        text
    }
}

/// A label's value as the format wants it.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn add_one(value: &AtomicU64) {
    value.fetch_add(1, Ordering::Relaxed);
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(text, "# HELP refgate_{name} {help}\n# TYPE refgate_{name} {kind}");
}

fn counter(text: &mut String, name: &str, help: &str, label: &str, values: &[(&str, &AtomicU64)]) {
    let name = format!("{name}_total");
    head(text, &name, help, "counter");
    for (word, value) in values {
        let _ = writeln!(text, "refgate_{name}{{{label}=\"{word}\"}} {}", value.load(Ordering::Relaxed));
    }
}

/// Upper bounds in milliseconds, with how each is shown in seconds.
const BOUNDS: [(u64, &str); 12] = [
    (1, "0.001"),
    (5, "0.005"),
    (10, "0.01"),
    (25, "0.025"),
    (50, "0.05"),
    (100, "0.1"),
    (250, "0.25"),
    (1_000, "1"),
    (5_000, "5"),
    (30_000, "30"),
    (120_000, "120"),
    (600_000, "600"),
];

#[derive(Debug, Default)]
struct Histogram {
    /// One for each bound, each with those between the bound before and this one.
    buckets: [AtomicU64; BOUNDS.len()],
    over: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    fn observe(&self, time: Duration) {
        let bucket = BOUNDS.iter().position(|(bound, _)| time <= Duration::from_millis(*bound));
        add_one(bucket.and_then(|index| self.buckets.get(index)).unwrap_or(&self.over));
        self.micros.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn render(&self, text: &mut String, name: &str, label: &str) {
        let comma = if label.is_empty() { "" } else { "," };
        let mut count = 0;
        for (bucket, (_, bound)) in self.buckets.iter().zip(BOUNDS) {
            count += bucket.load(Ordering::Relaxed);
            let _ = writeln!(text, "refgate_{name}_bucket{{{label}{comma}le=\"{bound}\"}} {count}");
        }
        count += self.over.load(Ordering::Relaxed);
        let _ = writeln!(text, "refgate_{name}_bucket{{{label}{comma}le=\"+Inf\"}} {count}");
        let label = if label.is_empty() { String::new() } else { format!("{{{label}}}") };
        let seconds = Duration::from_micros(self.micros.load(Ordering::Relaxed)).as_secs_f64();
        let _ = writeln!(text, "refgate_{name}_sum{label} {seconds}\nrefgate_{name}_count{label} {count}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_shown_in_the_format_of_prometheus() {
        let metrics = Arc::new(Metrics::default());
        metrics.decided(Verdict::Refuse, Duration::from_millis(5));
        metrics.decided(Verdict::Refuse, Duration::from_secs(601));
        metrics.stage(Stage::Forward, Duration::from_micros(5_001));
        metrics.aborted();
        metrics.outcome(RefResult::Moved);
        metrics.finding("odd\"kind");
        metrics.observed("odd\"kind", "hold");
        metrics.auth_failure();
        let open = metrics.connection();
        drop(metrics.connection());
        let text = metrics.render();
        for line in [
            "# TYPE refgate_pushes_total counter",
            "refgate_pushes_total{decision=\"refuse\"} 2",
            "refgate_pushes_total{decision=\"none\"} 1",
            "refgate_forwarded_refs_total{outcome=\"moved\"} 1",
            "refgate_findings_total{kind=\"odd\\\"kind\"} 1",
            "refgate_observed_findings_total{kind=\"odd\\\"kind\",would=\"hold\"} 1",
            "refgate_connections_total 2",
            "refgate_connections_open 1",
            "refgate_auth_failures_total 1",
            "refgate_push_seconds_bucket{le=\"0.001\"} 0",
            "refgate_push_seconds_bucket{le=\"0.005\"} 1",
            "refgate_push_seconds_bucket{le=\"600\"} 1",
            "refgate_push_seconds_bucket{le=\"+Inf\"} 2",
            "refgate_push_seconds_sum 601.005",
            "refgate_push_seconds_count 2",
            "refgate_stage_seconds_bucket{stage=\"forward\",le=\"0.005\"} 0",
            "refgate_stage_seconds_bucket{stage=\"forward\",le=\"0.01\"} 1",
            "refgate_stage_seconds_count{stage=\"forward\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        drop(open);
        assert!(metrics.render().contains("refgate_connections_open 0\n"));
    }

    #[test]
    fn the_kinds_of_findings_are_bounded() {
        let metrics = Metrics::default();
        (0..KINDS_MAX + 5).for_each(|index| metrics.finding(&format!("kind-{index}")));
        metrics.finding("kind-0");
        let text = metrics.render();
        assert!(text.contains("{kind=\"other\"} 5\n") && text.contains("{kind=\"kind-0\"} 2\n"));
        assert_eq!(text.matches("refgate_findings_total{").count(), KINDS_MAX + 1);
    }
}
