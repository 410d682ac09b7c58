//! `refgate witness`: a witness of logs (C2SP tlog-witness) for a second host, with its key and its memory.

use crate::config::LogFormat;
use crate::tlog::{Cosigner, KeyKind, KeyName, VerifyingKey, Witness};
use crate::{observe, server, witness};
use clap::Args;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Args)]
pub struct WitnessArgs {
    /// Where to listen, in plain HTTP: put what speaks TLS before it.
    #[arg(long, value_name = "ADDRESS", required_unless_present = "print_key")]
    listen: Option<SocketAddr>,
    /// What was signed is remembered there: as precious as the key, and never to be put back from an older copy.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The witness's name, such as witness.example.org.
    #[arg(long)]
    name: String,
    /// The private key in OpenSSH's format, made if it is not there [default: DIR/key].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The vkey of a log to witness.
    #[arg(long = "log", value_name = "VKEY", num_args = 1.., required_unless_present_any = ["logs", "print_key"])]
    log: Vec<String>,
    /// A file with more of them, one a line; # begins a comment.
    #[arg(long, value_name = "FILE")]
    logs: Option<PathBuf>,
    /// Print the witness's own vkey, for the gate's settings, and do no more.
    #[arg(long)]
    print_key: bool,
}

pub fn run(args: &WitnessArgs) -> ExitCode {
    start(args).map_or_else(super::cannot, |()| super::DONE)
}

fn start(args: &WitnessArgs) -> Result<(), super::Failure> {
    let cosigner = cosigner(args)?;
    let key = cosigner.verifying_key().clone();
    let Some(address) = args.listen.filter(|_| !args.print_key) else {
        super::print(&format!("{key}\n"));
        return Ok(());
    };
    observe::start_log(LogFormat::Text, observe::LOG_DEFAULT)?;
    let witness = Witness::open(&args.data, cosigner, logs(args)?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = stop_on_signal()?;
        let listener =
            TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
        super::print(&format!("refgate: witness {key}\nrefgate: listening on {}\n", listener.local_addr()?));
        witness::serve(listener, witness, stop).await;
        Ok(())
    })
}

fn cosigner(args: &WitnessArgs) -> Result<Cosigner, super::Failure> {
    let name = KeyName::parse(&args.name).ok_or("a witness's name has no spaces, plus signs or control characters")?;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&args.data)
        .map_err(|error| format!("{}: {error}", args.data.display()))?;
    let path = args.key.clone().unwrap_or_else(|| args.data.join("key"));
    let key = server::load_or_create_host_key(&path)?;
    let keypair = key.key_data().ed25519().ok_or_else(|| format!("{}: not an Ed25519 key", path.display()))?;
    Ok(Cosigner::from_seed(name, &keypair.private.to_bytes()))
}

fn logs(args: &WitnessArgs) -> Result<Vec<VerifyingKey>, super::Failure> {
    let mut logs = Vec::new();
    for vkey in &args.log {
        logs.push(log(vkey)?);
    }
    if let Some(path) = &args.logs {
        read_logs(path, &mut logs)?;
    }
    if logs.is_empty() { Err("there is no log to witness".into()) } else { Ok(logs) }
}

fn log(vkey: &str) -> Result<VerifyingKey, String> {
    VerifyingKey::parse(vkey, KeyKind::Ed25519).map_err(|error| format!("{vkey}: {error}"))
}

fn read_logs(path: &Path, logs: &mut Vec<VerifyingKey>) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            logs.push(log(line).map_err(|error| format!("{}:{}: {error}", path.display(), at + 1))?);
        }
    }
    Ok(())
}

fn stop_on_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
