//! A server for the least of HTTP/1.1: one small request a connection, of which only so many are open at once. Plain
//! text: who is to be reached from other machines stands behind something that speaks TLS.

use super::request::{self, Refused, Request};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What is read of a request that was refused before its end, and thrown away.
const UNREAD_BYTES_MAX: u64 = 1024 * 1024;

/// What one server spends on its clients.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a request and its answer.
    pub time_max: Duration,
    pub connections_max: usize,
    pub body_bytes_max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Response {
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.to_owned() }
    }
}

/// Answers until `stop` is there; then ends what is under way, which takes [`Limits::time_max`] at most.
pub async fn serve<A, F>(listener: TcpListener, limits: Limits, answer: A, stop: impl Future<Output = ()>)
where
    A: Fn(Request) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send,
{
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        // A full house leaves the next one in the listener's queue.
        let has_room = connections.len() < limits.connections_max;
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            taken = listener.accept(), if has_room => match taken {
                Ok((stream, _)) => {
                    let answer = answer.clone();
                    connections.spawn(async move {
                        // Whoever is too slow or goes away gets nothing; there is nothing to be done about it.
                        let _ = tokio::time::timeout(limits.time_max, one(stream, limits, answer)).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "HTTP listener");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn one<A, F>(mut stream: impl AsyncRead + AsyncWrite + Unpin, limits: Limits, answer: A) -> std::io::Result<()>
where
    A: Fn(Request) -> F,
    F: Future<Output = Response>,
{
    let request = request::read(&mut stream, limits.body_bytes_max).await?;
    let is_read = request.is_ok();
    let response = match request {
        Ok(request) => answer(request).await,
        Err(Refused::Malformed) => Response::text(400, "this is no request\n"),
        Err(Refused::NoLength) => Response::text(411, "say Content-Length\n"),
        Err(Refused::BodyTooLarge) => Response::text(413, "the body is too large\n"),
        Err(Refused::HeadTooLarge) => Response::text(431, "the headers are too large\n"),
    };
    stream.write_all(written(&response).as_bytes()).await?;
    stream.shutdown().await?;
    if !is_read {
        // Closing with bytes unread would reset the connection, and the answer could be lost on its way.
        let mut rest = stream.take(UNREAD_BYTES_MAX);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
    }
    Ok(())
}

fn written(Response { status, content_type, body }: &Response) -> String {
    let (reason, length) = (reason(*status), body.len());
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// For people; programs read the number.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    const LIMITS: Limits = Limits { time_max: Duration::from_secs(60), connections_max: 2, body_bytes_max: 4 };

    async fn echo(request: Request) -> Response {
        Response { status: 422, content_type: "text/x", body: String::from_utf8_lossy(&request.body).into_owned() }
    }

    async fn ask(address: std::net::SocketAddr, request: &[u8]) -> String {
        let mut client = TcpStream::connect(address).await.expect("connected");
        client.write_all(request).await.expect("written");
        let mut text = String::new();
        client.read_to_string(&mut text).await.expect("read");
        text
    }

    #[tokio::test]
    async fn answers_what_it_is_told_until_it_is_stopped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, LIMITS, echo, async move { drop(stopped.await) }));
        let expected = "HTTP/1.1 422 Unprocessable Content\r\nContent-Type: text/x\r\nContent-Length: 4\r\n\
                        Connection: close\r\n\r\nbody";
        // More than may be open at once.
        for _ in 0..LIMITS.connections_max * 3 {
            assert_eq!(ask(address, b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody").await, expected);
        }
        for (request, status) in [
            (&b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nbody!"[..], "HTTP/1.1 413 Content Too Large"),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 411 Length Required"),
            (b"\r\n\r\n", "HTTP/1.1 400 Bad Request"),
            (&[b'x'; request::HEAD_BYTES_MAX + 1], "HTTP/1.1 431 Request Header Fields Too Large"),
        ] {
            assert_eq!(ask(address, request).await.lines().next(), Some(status));
        }
        stop.send(()).expect("it runs");
        server.await.expect("it ended");
    }

    #[tokio::test]
    async fn who_is_too_slow_is_let_go_of_and_who_comes_too_many_waits() {
        let limits = Limits { time_max: Duration::from_millis(300), ..LIMITS };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(serve(listener, limits, echo, std::future::pending()));
        let (start, mut slow) = (tokio::time::Instant::now(), Vec::new());
        for _ in 0..limits.connections_max {
            let mut client = TcpStream::connect(address).await.expect("connected");
            client.write_all(b"POST / HT").await.expect("written");
            slow.push(client);
        }
        let answer = ask(address, b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx").await;
        assert!(answer.ends_with("\r\n\r\nx") && start.elapsed() >= limits.time_max);
        for mut client in slow {
            let mut text = String::new();
            client.read_to_string(&mut text).await.expect("it is closed");
            assert_eq!(text, "");
        }
        server.abort();
    }
}
