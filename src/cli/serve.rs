//! `refgate serve`: the running gate, its signals and its policy file.

use crate::config::Config;
use crate::gate::{Gate, Stamp};
use crate::record::EventEntry;
use crate::webhook::{Pace, Webhooks};
use crate::{observe, server};
use jiff::Timestamp;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error + Send + Sync>;

pub fn run(config: &Path) -> ExitCode {
    match start(config) {
        Ok(()) => super::DONE,
        Err(error) => super::cannot(error),
    }
}

fn start(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    observe::start_log(config.log, observe::LOG_DEFAULT)?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data)?;
    let host_key = server::load_or_create_host_key(&config.data.join("host_key"))?;
    write_public_key(&config.data.join("host_key.pub"), &host_key.public_key().to_openssh()?)?;
    let gate = Arc::new(Gate::open(config)?);
    let webhooks = Webhooks::start(gate.store(), &gate.config.webhooks, gate.address(), Pace::default())?;
    // A command keeps a blocking thread for as long as it runs.
    let threads = gate.config.limits.connections_max.saturating_mul(2).saturating_add(64);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(threads).build()?;
    let served = runtime.block_on(serve(Arc::clone(&gate), host_key));
    gate.note(EventEntry::new("stop", Timestamp::now()));
    // Work that a cut-off client left on a blocking thread is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    webhooks.stop();
    served
}

/// For operators to pin: `ssh-keyscan` without the network.
fn write_public_key(path: &Path, line: &str) -> std::io::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|known| known.trim_end() == line) {
        return Ok(());
    }
    std::fs::write(path, format!("{line}\n"))
}

async fn serve(gate: Arc<Gate>, host_key: russh::keys::PrivateKey) -> Result<(), Failure> {
    let mut listeners = Vec::new();
    for address in &gate.config.listen {
        let listener =
            TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
        super::print(&format!("refgate: listening on {}\n", listener.local_addr()?));
        listeners.push(listener);
    }
    let shutdown = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(stop_on_signal(shutdown.clone())?);
    tasks.spawn(follow_policy(Arc::clone(&gate), shutdown.clone())?);
    tasks.spawn(settle_the_rest(Arc::clone(&gate), shutdown.clone()));
    tasks.spawn(tend(Arc::clone(&gate), shutdown.clone()));
    tasks.spawn(send_again(Arc::clone(&gate), shutdown.clone()));
    tasks.spawn(publish_log(Arc::clone(&gate), shutdown.clone()));
    tasks.spawn(stop_waiting(Arc::clone(&gate), shutdown.clone()));
    if let Some(address) = gate.config.metrics_listen {
        let listener =
            TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
        tasks.spawn(observe::serve_metrics(listener, Arc::clone(&gate.metrics), shutdown.clone().cancelled_owned()));
    }
    let served = server::run(listeners, host_key, gate, shutdown.clone()).await;
    shutdown.cancel();
    while tasks.join_next().await.is_some() {}
    Ok(served?)
}

fn stop_on_signal(shutdown: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = shutdown.cancelled() => {}
        }
        tracing::info!("stopping: pushes under way are let finish");
        shutdown.cancel();
    })
}

/// Does something on a blocking thread. `None`: the gate stops, and it was not done when the time to drain was over; it may
/// be waiting for an upstream, as a push may.
async fn round<T: Send + 'static>(
    gate: &Arc<Gate>,
    shutdown: &CancellationToken,
    work: impl FnOnce(&Gate) -> T + Send + 'static,
) -> Option<T> {
    let gate = Arc::clone(gate);
    let time_max = gate.config.limits.drain_time_max;
    let over = async {
        shutdown.cancelled().await;
        tokio::time::sleep(time_max).await;
    };
    tokio::select! {
        done = tokio::task::spawn_blocking(move || work(&gate)) => done.ok(),
        () = over => None,
    }
}

/// Settles what could not be settled at the start, ever less often, until nothing is left.
async fn settle_the_rest(gate: Arc<Gate>, shutdown: CancellationToken) {
    const PAUSE_MAX: Duration = Duration::from_secs(60);
    let mut pause = Duration::from_millis(250);
    loop {
        match round(&gate, &shutdown, Gate::settle_all).await {
            Some(0) | None => return,
            Some(_) => pause = PAUSE_MAX.min(pause * 2),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Lets go of everybody who waits for something to happen.
async fn stop_waiting(gate: Arc<Gate>, shutdown: CancellationToken) {
    shutdown.cancelled().await;
    gate.stop();
}

/// Lets held pushes expire, and what is kept for a time go.
async fn tend(gate: Arc<Gate>, shutdown: CancellationToken) {
    const PAUSE: Duration = Duration::from_secs(1);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        round(&gate, &shutdown, Gate::tend).await;
    }
}

/// Tries approved pushes again that did not get to the upstream: ever less often.
async fn send_again(gate: Arc<Gate>, shutdown: CancellationToken) {
    const PAUSE: Duration = Duration::from_secs(1);
    const PAUSE_MAX: Duration = Duration::from_secs(60);
    let mut pause = PAUSE;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let left = round(&gate, &shutdown, Gate::send_again).await;
        pause = if left == Some(0) { PAUSE } else { PAUSE_MAX.min(pause * 2) };
    }
}

/// Has the log cosigned and brings it to the upstreams, a moment after there is more of it; and once more at the end.
async fn publish_log(gate: Arc<Gate>, shutdown: CancellationToken) {
    const PAUSE: Duration = Duration::from_secs(2);
    let mut is_last = false;
    while !is_last {
        tokio::select! {
            () = shutdown.cancelled() => is_last = true,
            () = tokio::time::sleep(PAUSE) => {}
        }
        if round(&gate, &shutdown, Gate::publish_log).await.is_none() {
            return;
        }
    }
}

/// Swaps the policy on SIGHUP and when the file changes. One that does not compile is refused; the old one stays.
fn follow_policy(gate: Arc<Gate>, shutdown: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    /// How often the file is looked at.
    const INTERVAL: Duration = Duration::from_secs(1);
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        let (path, mut known) = gate.policy_file();
        loop {
            let asked = tokio::select! {
                () = shutdown.cancelled() => return,
                _ = hangup.recv() => true,
                () = tokio::time::sleep(INTERVAL) => false,
            };
            let now = Stamp::of(&path);
            if asked || now != known {
                known = now;
                round(&gate, &shutdown, Gate::reload_policy).await;
            }
        }
    })
}
