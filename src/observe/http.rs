//! `GET /metrics` over the least of HTTP/1.1 that Prometheus needs: one request a connection, no body.

use super::Metrics;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const REQUEST_BYTES_MAX: usize = 8 * 1024;
const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);
const CONNECTIONS_MAX: usize = 16;

/// Answers until `stop` is there; then ends what is under way, which takes [`REQUEST_TIME_MAX`] at most.
pub async fn serve_metrics(listener: TcpListener, metrics: Arc<Metrics>, stop: impl Future<Output = ()>) {
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        // A full house leaves the next one in the listener's queue.
        let has_room = connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            taken = listener.accept(), if has_room => match taken {
                Ok((stream, _)) => {
                    let metrics = Arc::clone(&metrics);
                    connections.spawn(async move {
                        // Whoever is too slow or goes away gets nothing; there is nothing to be done about it.
                        let _ = tokio::time::timeout(REQUEST_TIME_MAX, answer(stream, &metrics)).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "metrics listener");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, metrics: &Metrics) -> std::io::Result<()> {
    let response = match read_request(&mut stream).await? {
        Request::Metrics => response("200 OK", &metrics.render()),
        Request::OtherPath => response("404 Not Found", "there is only /metrics\n"),
        Request::OtherMethod => response("405 Method Not Allowed", "there is only GET\n"),
        Request::TooLarge => response("431 Request Header Fields Too Large", ""),
        Request::Malformed => response("400 Bad Request", ""),
    };
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}

fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

#[derive(Debug, PartialEq, Eq)]
enum Request {
    Metrics,
    OtherPath,
    OtherMethod,
    TooLarge,
    Malformed,
}

/// Reads to the end of the headers.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Request> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(Request::Malformed);
        }
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        if bytes.windows(4).any(|end| end == b"\r\n\r\n") {
            return Ok(if bytes.len() > REQUEST_BYTES_MAX { Request::TooLarge } else { parse(&bytes) });
        }
        if bytes.len() > REQUEST_BYTES_MAX {
            return Ok(Request::TooLarge);
        }
    }
}

fn parse(bytes: &[u8]) -> Request {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    match words.as_slice() {
        [method, path, version] if version.starts_with(b"HTTP/1.") => {
            let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
            match (*method, path) {
                (b"GET", b"/metrics") => Request::Metrics,
                (b"GET", _) => Request::OtherPath,
                _ => Request::OtherMethod,
            }
        }
        _ => Request::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    async fn ask(request: &[u8]) -> String {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        client.write_all(request).await.expect("written");
        client.shutdown().await.expect("shut down");
        answer(server, &Metrics::default()).await.expect("answered");
        let mut text = String::new();
        client.read_to_string(&mut text).await.expect("read");
        text.lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn only_get_metrics_is_answered() {
        let padded = |length: usize| {
            let start = "GET /metrics HTTP/1.1\r\nX: ";
            format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4))
        };
        let [at_limit, over] = [padded(REQUEST_BYTES_MAX), padded(REQUEST_BYTES_MAX + 1)];
        for (request, status) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"),
            ("GET /metrics?x=y HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
            ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
            ("GET /metrics HTTP/2\r\n\r\n", "HTTP/1.1 400 Bad Request"),
            ("GET /metrics\r\n\r\n", "HTTP/1.1 400 Bad Request"),
            ("\r\n\r\n", "HTTP/1.1 400 Bad Request"),
            ("GET /metrics HTTP/1.1\r\n", "HTTP/1.1 400 Bad Request"),
            (&at_limit, "HTTP/1.1 200 OK"),
            (&over, "HTTP/1.1 431 Request Header Fields Too Large"),
        ] {
            assert_eq!(ask(request.as_bytes()).await, status, "{request:.60}");
        }
    }

    #[tokio::test]
    async fn serves_until_it_is_stopped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let metrics = Arc::new(Metrics::default());
        metrics.auth_failure();
        let server = tokio::spawn(serve_metrics(listener, metrics, async move { drop(stopped.await) }));
        for _ in 0..CONNECTIONS_MAX * 2 {
            let mut client = TcpStream::connect(address).await.expect("connected");
            client.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").await.expect("written");
            let mut text = String::new();
            client.read_to_string(&mut text).await.expect("read");
            assert!(text.contains("refgate_auth_failures_total 1\n"), "{text}");
        }
        stop.send(()).expect("it runs");
        server.await.expect("it ended");
    }
}
