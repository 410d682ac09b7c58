//! One request, from hostile bytes.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest request line with its headers.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    /// Whatever else; nobody here answers it.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// As it was sent, without the query.
    pub path: String,
    pub body: Vec<u8>,
}

/// Why nobody gets to see a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Malformed,
    HeadTooLarge,
    BodyTooLarge,
    /// A body of unknown length: one header less to be fooled by.
    NoLength,
}

/// Reads one request with a body of at most `body_bytes_max`.
pub async fn read(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    body_bytes_max: usize,
) -> std::io::Result<Result<Request, Refused>> {
    let (head, mut body) = match read_head(stream).await? {
        Ok(parts) => parts,
        Err(refused) => return Ok(Err(refused)),
    };
    let head = match parse(&head) {
        Ok(head) if head.length > body_bytes_max => return Ok(Err(Refused::BodyTooLarge)),
        Ok(head) => head,
        Err(refused) => return Ok(Err(refused)),
    };
    if head.waits && body.len() < head.length {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    // What follows is another request, which is not answered.
    body.truncate(head.length);
    let missing = head.length.saturating_sub(body.len());
    let read = stream.take(missing as u64).read_to_end(&mut body).await?;
    if read < missing {
        return Ok(Err(Refused::Malformed));
    }
    Ok(Ok(Request { method: head.method, path: head.path, body }))
}

/// Everything up to the empty line, and what was read after it.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Result<(Vec<u8>, Vec<u8>), Refused>> {
    const END: &[u8] = b"\r\n\r\n";
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(Err(Refused::Malformed));
        }
        // The end may lie across two chunks.
        let from = bytes.len().saturating_sub(END.len());
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let end = bytes.windows(END.len()).skip(from).position(|end| end == END).map(|at| from + at + END.len());
        match end {
            Some(end) if end <= HEAD_BYTES_MAX => {
                let after = bytes.split_off(end);
                return Ok(Ok((bytes, after)));
            }
            None if bytes.len() <= HEAD_BYTES_MAX => {}
            Some(_) | None => return Ok(Err(Refused::HeadTooLarge)),
        }
    }
}

#[derive(Debug)]
struct Head {
    method: Method,
    path: String,
    length: usize,
    /// For `100 Continue`, before it sends its body.
    waits: bool,
}

fn parse(bytes: &[u8]) -> Result<Head, Refused> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refused::Malformed)?;
    let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, "HTTP/1.0" | "HTTP/1.1"] = words.as_slice() else { return Err(Refused::Malformed) };
    let method = match *method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        _ => Method::Other,
    };
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    let (mut length, mut waits) = (None, false);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Refused::Malformed)?;
        let value = value.trim_matches([' ', '\t']);
        match name.to_ascii_lowercase().as_str() {
            // Twice is once too often: what stands between us and the client may count by the other one.
            "content-length" if length.is_some() => return Err(Refused::Malformed),
            "content-length" => length = Some(parse_length(value)?),
            "transfer-encoding" => return Err(Refused::NoLength),
            "expect" => waits = value.eq_ignore_ascii_case("100-continue"),
            _ => {}
        }
    }
    Ok(Head { method, path: path.to_owned(), length: length.unwrap_or(0), waits })
}

fn parse_length(value: &str) -> Result<usize, Refused> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // A number that is one, but larger than any there is, is only too large.
    if is_number { Ok(value.parse().unwrap_or(usize::MAX)) } else { Err(Refused::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY_MAX: usize = 10;

    async fn read_from(bytes: &[u8]) -> (Result<Request, Refused>, String) {
        let (mut client, mut server) = tokio::io::duplex(64 * 1024);
        client.write_all(bytes).await.expect("written");
        client.shutdown().await.expect("shut down");
        let request = read(&mut server, BODY_MAX).await.expect("read");
        drop(server);
        let mut said = String::new();
        client.read_to_string(&mut said).await.expect("read");
        (request, said)
    }

    fn post(length: &str, body: &str) -> String {
        format!("POST /x HTTP/1.1\r\ncontent-LENGTH: {length}\r\n\r\n{body}")
    }

    #[tokio::test]
    async fn a_request_is_read_to_its_end_and_no_further() {
        let get = |path: &str| Request { method: Method::Get, path: path.to_owned(), body: Vec::new() };
        let with = |body: &str| Request { method: Method::Post, path: "/x".to_owned(), body: body.into() };
        for (bytes, expected) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Ok(get("/metrics"))),
            ("GET /metrics?x=y HTTP/1.0\r\n\r\n", Ok(get("/metrics"))),
            ("GET  HTTP/1.1\r\n\r\n", Ok(get(""))),
            ("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n", Ok(get("/"))),
            (&post("10", "0123456789"), Ok(with("0123456789"))),
            (&post(" 3\t", "0123456789"), Ok(with("012"))),
            (&post("0", ""), Ok(with(""))),
            (&post("11", "0123456789x"), Err(Refused::BodyTooLarge)),
            (&post("99999999999999999999999", ""), Err(Refused::BodyTooLarge)),
            (&post("10", "012345678"), Err(Refused::Malformed)),
            (&post("+1", "0"), Err(Refused::Malformed)),
            (&post("", "0"), Err(Refused::Malformed)),
            (&post("1\r\nContent-Length: 1", "0"), Err(Refused::Malformed)),
            (&post("1\r\nTransfer-Encoding: chunked", "0"), Err(Refused::NoLength)),
            ("GET / HTTP/2\r\n\r\n", Err(Refused::Malformed)),
            ("GET / HTTP/1.1 x\r\n\r\n", Err(Refused::Malformed)),
            ("GET /\r\n\r\n", Err(Refused::Malformed)),
            ("GET / HTTP/1.1\r\nx\r\n\r\n", Err(Refused::Malformed)),
            ("\r\n\r\n", Err(Refused::Malformed)),
            ("GET / HTTP/1.1\r\n", Err(Refused::Malformed)),
            ("", Err(Refused::Malformed)),
        ] {
            let (request, said) = read_from(bytes.as_bytes()).await;
            assert_eq!((request, said.as_str()), (expected, ""), "{bytes}");
        }
        assert_eq!(read_from(b"GET /\xff HTTP/1.1\r\n\r\n").await.0, Err(Refused::Malformed));
    }

    #[tokio::test]
    async fn a_head_has_a_limit() {
        let padded = |length: usize| {
            let start = "GET / HTTP/1.1\r\nX: ";
            format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4))
        };
        assert!(read_from(padded(HEAD_BYTES_MAX).as_bytes()).await.0.is_ok());
        assert_eq!(read_from(padded(HEAD_BYTES_MAX + 1).as_bytes()).await.0, Err(Refused::HeadTooLarge));
        assert_eq!(read_from(&[b'x'; HEAD_BYTES_MAX + 1]).await.0, Err(Refused::HeadTooLarge));
    }

    #[tokio::test]
    async fn who_waits_with_the_body_is_told_to_go_on() {
        let (mut client, mut server) = tokio::io::duplex(1024);
        client
            .write_all(b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            .await
            .expect("written");
        let reading = tokio::spawn(async move { read(&mut server, BODY_MAX).await });
        let mut said = [0; 25];
        client.read_exact(&mut said).await.expect("read");
        assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
        client.write_all(b"ab").await.expect("written");
        let request = reading.await.expect("it ends").expect("read").expect("a request");
        assert_eq!(request.body, b"ab");
    }
}
