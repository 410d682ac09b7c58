//! How others are called over HTTP: no redirect is followed, nothing is kept open.

use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig};

/// An answer with more than this before its body is none.
const ANSWER_HEADER_BYTES_MAX: usize = 16 * 1024;

/// What calls this URL; any status is an answer. The whole of a call takes `timeout` at most.
#[must_use]
pub fn agent(url: &str, timeout: Duration) -> ureq::Agent {
    // The system's authorities, as git uses them for https upstreams: endpoints may be the operator's own.
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(ANSWER_HEADER_BYTES_MAX)
        .max_idle_connections(0)
        .timeout_global(Some(timeout))
        .user_agent(concat!("refgate/", env!("CARGO_PKG_VERSION")));
    // A proxy is for the way out; `http://` stays on this machine.
    let config = if url.starts_with("https://") { config.https_only(true) } else { config.proxy(None) };
    config.build().new_agent()
}
