//! A witness's two paths: `POST /add-checkpoint` for logs, `GET /<hash of the origin>/checkpoint` for who watches them.

use crate::http::{self, Limits, Method, Request, Response};
use crate::tlog::witness::{Answer, REQUEST_LENGTH_MAX};
use crate::tlog::{StorageError, Witness};
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

const LIMITS: Limits =
    Limits { time_max: Duration::from_secs(10), connections_max: 64, body_bytes_max: REQUEST_LENGTH_MAX };

/// Answers until `stop` is there; then ends what is under way.
pub async fn serve(listener: TcpListener, witness: Witness, stop: impl Future<Output = ()>) {
    let witness = Arc::new(Mutex::new(witness));
    let answer = move |request| {
        let witness = Arc::clone(&witness);
        // It waits for the disk. One whose client gave up ends all the same, and the client learns of it by a 409.
        let answering = tokio::task::spawn_blocking(move || answer(&request, &witness));
        async move { answering.await.unwrap_or_else(|_| broken()) }
    };
    http::serve(listener, LIMITS, answer, stop).await;
}

fn answer(request: &Request, witness: &Mutex<Witness>) -> Response {
    // After a panic nothing is signed any more.
    let Ok(mut witness) = witness.lock() else { return broken() };
    let origin_hash = request.path.strip_prefix('/').and_then(|path| path.strip_suffix("/checkpoint"));
    let answered = match (request.method, request.path.as_str(), origin_hash) {
        (Method::Post, "/add-checkpoint", _) => add(&mut witness, &request.body),
        (Method::Get, _, Some(origin_hash)) => latest(&witness, origin_hash),
        (Method::Get | Method::Post, ..) => Ok(Response::text(404, "there is no such path\n")),
        (Method::Other, ..) => Ok(Response::text(405, "there is only GET and POST\n")),
    };
    answered.unwrap_or_else(|error| {
        tracing::error!(%error, "the memory cannot be read or written: nothing was signed");
        broken()
    })
}

fn add(witness: &mut Witness, body: &[u8]) -> Result<Response, StorageError> {
    let now_s = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
    let Answer { status, content_type, body } = witness.add_checkpoint(body, now_s)?;
    match status {
        200 => tracing::info!("signed"),
        // The log has shown two histories, or the sender cannot prove that it did not.
        422 => tracing::warn!(status, "refused: not what was signed before and more"),
        _ => tracing::info!(status, "refused"),
    }
    Ok(Response { status, content_type, body })
}

fn latest(witness: &Witness, origin_hash: &str) -> Result<Response, StorageError> {
    Ok(match witness.latest(origin_hash)? {
        Some(note) => Response::text(200, &note.to_string()),
        None => Response::text(404, "nothing of this log was signed\n"),
    })
}

fn broken() -> Response {
    Response::text(500, "the witness cannot answer\n")
}
