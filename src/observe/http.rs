//! `GET /metrics`, for Prometheus.

use super::Metrics;
use crate::http::{self, Limits, Method, Request, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const LIMITS: Limits = Limits { time_max: Duration::from_secs(5), connections_max: 16, body_bytes_max: 0 };

/// Answers until `stop` is there; then ends what is under way.
pub async fn serve_metrics(listener: TcpListener, metrics: Arc<Metrics>, stop: impl Future<Output = ()>) {
    let answer = move |request| std::future::ready(answer(&request, &metrics));
    http::serve(listener, LIMITS, answer, stop).await;
}

fn answer(request: &Request, metrics: &Metrics) -> Response {
    match (request.method, request.path.as_str()) {
        (Method::Get, "/metrics") => {
            Response { status: 200, content_type: "text/plain; version=0.0.4; charset=utf-8", body: metrics.render() }
        }
        (Method::Get, _) => Response::text(404, "there is only /metrics\n"),
        (Method::Post | Method::Other, _) => Response::text(405, "there is only GET\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn only_get_metrics_is_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let metrics = Arc::new(Metrics::default());
        metrics.auth_failure();
        let server = tokio::spawn(serve_metrics(listener, metrics, async move { drop(stopped.await) }));
        let counted = "refgate_auth_failures_total 1\n";
        for (request, status, text) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK", counted),
            ("GET /metrics?x=y HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK", counted),
            ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found", "only /metrics"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed", "only GET"),
            ("HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed", "only GET"),
            ("POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 413 Content Too Large", ""),
        ] {
            let mut client = TcpStream::connect(address).await.expect("connected");
            client.write_all(request.as_bytes()).await.expect("written");
            let mut said = String::new();
            client.read_to_string(&mut said).await.expect("read");
            assert!(said.starts_with(&format!("{status}\r\n")) && said.contains(text), "{request}: {said}");
        }
        stop.send(()).expect("it runs");
        server.await.expect("it ended");
    }
}
