//! What an operator sees of a running gate: its log and its numbers.

mod http;
mod metrics;

pub use http::serve_metrics;
pub use metrics::{ConnectionOpen, Metrics, Stage};

use crate::config::LogFormat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// The variable that sets how much is logged: `warn`, `info`, `refgate=debug,russh=warn`.
pub const LOG_VARIABLE: &str = "REFGATE_LOG";

/// From the libraries only what an operator must act on.
pub const LOG_DEFAULT: &str = "warn,refgate=info";
/// For a process whose stderr is the client's: git-receive-pack says nothing there either.
pub const LOG_NOTHING: &str = "off";

#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    #[error("{LOG_VARIABLE}: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("{LOG_VARIABLE} is not UTF-8")]
    Encoding,
    #[error("the log was started already")]
    Started,
}

/// Starts logging to stderr; once in a process. `default` is the filter unless the variable says otherwise.
pub fn start_log(format: LogFormat, default: &str) -> Result<(), ObserveError> {
    let filter = match std::env::var(LOG_VARIABLE) {
        Ok(text) => EnvFilter::try_new(text)?,
        Err(std::env::VarError::NotPresent) => EnvFilter::try_new(default)?,
        Err(std::env::VarError::NotUnicode(_)) => return Err(ObserveError::Encoding),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let builder = builder.with_span_events(FmtSpan::NONE).with_target(false);
    let started = match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(true).try_init(),
    };
    started.map_err(|_| ObserveError::Started)
}
