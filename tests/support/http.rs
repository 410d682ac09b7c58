//! A small HTTP server before `git http-backend`, with Basic authentication.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

pub struct Http {
    pub port: u16,
}

struct Site {
    root: PathBuf,
    authorization: String,
}

impl Http {
    /// Serves the repositories below `root` to who sends this `Authorization` header's value. Ends with the process.
    pub fn start(root: &Path, authorization: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("bound").port();
        let site = Arc::new(Site { root: root.to_owned(), authorization: authorization.to_owned() });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let site = Arc::clone(&site);
                std::thread::spawn(move || {
                    if let Err(e) = site.answer(stream) {
                        eprintln!("http: {e}");
                    }
                });
            }
        });
        Self { port }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

fn read_line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn read_request(input: &mut impl BufRead) -> io::Result<Request> {
    let line = read_line(input)?;
    let mut words = line.split(' ').map(str::to_owned);
    let mut next = || words.next().unwrap_or_default();
    let mut request = Request { method: next(), target: next(), headers: Vec::new() };
    loop {
        let line = read_line(input)?;
        if line.is_empty() {
            return Ok(request);
        }
        if let Some((key, value)) = line.split_once(':') {
            request.headers.push((key.to_owned(), value.trim().to_owned()));
        }
    }
}

fn read_body(request: &Request, input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if !request.header("Transfer-Encoding").eq_ignore_ascii_case("chunked") {
        let length = request.header("Content-Length").parse().unwrap_or(0);
        input.take(length).read_to_end(&mut body)?;
        return Ok(body);
    }
    loop {
        let length = u64::from_str_radix(&read_line(input)?, 16).unwrap_or(0);
        input.take(length).read_to_end(&mut body)?;
        read_line(input)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

impl Site {
    fn answer(&self, stream: TcpStream) -> io::Result<()> {
        let mut output = stream.try_clone()?;
        let mut input = BufReader::new(stream);
        let request = read_request(&mut input)?;
        if request.header("Authorization") != self.authorization {
            return output.write_all(
                b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\
                  Connection: close\r\n\r\n",
            );
        }
        if request.header("Expect").eq_ignore_ascii_case("100-continue") {
            output.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = read_body(&request, &mut input)?;
        let cgi = self.backend(&request, body)?;
        let end = cgi.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(cgi.len());
        let head = String::from_utf8_lossy(&cgi[..end]).into_owned();
        let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
        write!(output, "HTTP/1.1 {status}\r\nConnection: close\r\n")?;
        output.write_all(&cgi)
    }

    fn backend(&self, request: &Request, body: Vec<u8>) -> io::Result<Vec<u8>> {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let mut command = Command::new("git");
        command.arg("http-backend").env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("GIT_PROJECT_ROOT", &self.root).env("GIT_HTTP_EXPORT_ALL", "1").env("REMOTE_USER", "refgate");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("HOME", "/nonexistent");
        command
            .env("REQUEST_METHOD", &request.method)
            .env("PATH_INFO", path.replace("%20", " "))
            .env("QUERY_STRING", query);
        command.env("CONTENT_TYPE", request.header("Content-Type")).env("CONTENT_LENGTH", body.len().to_string());
        command.env("HTTP_CONTENT_ENCODING", request.header("Content-Encoding"));
        if !request.header("Git-Protocol").is_empty() {
            command.env("GIT_PROTOCOL", request.header("Git-Protocol"));
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let feeder = std::thread::spawn(move || stdin.write_all(&body));
        let output = child.wait_with_output()?;
        if let Ok(Err(e)) = feeder.join() {
            eprintln!("http-backend did not read everything: {e}");
        }
        Ok(output.stdout)
    }
}
