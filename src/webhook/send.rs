//! One try to deliver one event over HTTP. Follows no redirect and reads no answer but its status.

use super::payload::{body, sign};
use crate::config::{Webhook, WebhookUrl};
use crate::events::Event;
use crate::git::credential::{self, CredentialError};
use crate::http::agent;
use crate::model::HookName;
use jiff::Timestamp;
use std::time::Duration;

/// Why an event was not taken. Says nothing of the URL, which may be a secret, nor of the answer's text.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Credential(#[from] CredentialError),
    #[error("the URL that was found is not one that may be called")]
    Url,
    /// No answer, or none that is HTTP.
    #[error("no answer: {0}")]
    Connection(#[source] ureq::Error),
    #[error("the endpoint answers {status}")]
    Status { status: u16, retry_after: Option<Duration> },
}

impl Failure {
    /// Whether the endpoint itself said that it does not want this: asking for ever would hold up everything else.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Credential(_) | Self::Url | Self::Connection(_) => false,
            Self::Status { status, .. } => !matches!(status, 408 | 429 | 500..=599),
        }
    }

    /// How long the endpoint asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Credential(_) | Self::Url | Self::Connection(_) => None,
            Self::Status { retry_after, .. } => *retry_after,
        }
    }
}

pub fn send(name: &HookName, webhook: &Webhook, gate: &str, event: &Event) -> Result<(), Failure> {
    let url = match &webhook.url {
        WebhookUrl::Written(url) => url.clone(),
        // The same rules as for one in the settings: what is secret is not thereby right.
        WebhookUrl::Kept(source) => {
            let url = credential::read(source)?.ok_or(Failure::Url)?;
            if WebhookUrl::is_taken(&url) { url } else { return Err(Failure::Url) }
        }
    };
    let body = body(event, webhook.format, gate);
    let timestamp = Timestamp::now().as_second();
    let mut request = agent(&url, webhook.timeout)
        .post(&url)
        .header("Content-Type", "application/json")
        .header("X-Refgate-Event", event.kind.as_str())
        .header("X-Refgate-Delivery", format!("{}-{name}", event.cursor))
        .header("X-Refgate-Timestamp", timestamp.to_string());
    // Read for each try, so that a new secret counts without a restart.
    if let Some(secret) = credential::read(&webhook.secret)? {
        request = request.header("X-Refgate-Signature", sign(secret.as_bytes(), timestamp, body.as_bytes()));
    }
    let response = request.send(body.as_bytes()).map_err(failure)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
    Err(Failure::Status { status: status.as_u16(), retry_after: retry_after.map(Duration::from_secs) })
}

fn failure(error: ureq::Error) -> Failure {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => Failure::Url,
        other => Failure::Connection(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_and_what_is_meant_is_a_refusal() {
        for (status, is_refusal) in [
            (300, true),
            (302, true),
            (308, true),
            (400, true),
            (404, true),
            (407, true),
            (408, false),
            (410, true),
            (428, true),
            (429, false),
            (499, true),
            (500, false),
            (503, false),
            (599, false),
        ] {
            assert_eq!(Failure::Status { status, retry_after: None }.is_refusal(), is_refusal, "{status}");
        }
        assert!(!Failure::Url.is_refusal() && !Failure::Connection(ureq::Error::HostNotFound).is_refusal());
        assert!(!Failure::Credential(CredentialError::Empty).is_refusal());
    }
}
