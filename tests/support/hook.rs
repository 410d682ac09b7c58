//! A small HTTP endpoint that answers webhooks as it is told, and keeps what it was sent.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How one request is answered. After the last of the list: `Status(200)`.
#[derive(Debug, Clone)]
pub enum Answer {
    Status(u16),
    /// 307 to there.
    Redirect(String),
    /// Nothing, for so long.
    Silence(Duration),
}

#[derive(Debug, Clone)]
pub struct Delivery {
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub answered: u16,
}

impl Delivery {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

#[derive(Default)]
struct State {
    answers: Mutex<VecDeque<Answer>>,
    taken: Mutex<Vec<Delivery>>,
    news: Condvar,
}

/// Ends with the process.
pub struct Endpoint {
    port: u16,
    state: Arc<State>,
}

impl Endpoint {
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::new(State { answers: Mutex::new(answers.into_iter().collect()), ..State::default() });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that is killed in the middle is part of the tests.
                std::thread::spawn(move || drop(answer(&state, stream)));
            }
        });
        Self { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Everything that came so far.
    pub fn taken(&self) -> Vec<Delivery> {
        self.state.taken.lock().expect("no panic").clone()
    }

    /// Waits until so many requests came.
    pub fn wait_for(&self, count: usize) -> Vec<Delivery> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut taken = self.state.taken.lock().expect("no panic");
        while taken.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "only {} of {count} requests came", taken.len());
            taken = self.state.news.wait_timeout(taken, left).expect("no panic").0;
        }
        taken.clone()
    }
}

fn answer(state: &State, stream: TcpStream) -> io::Result<()> {
    let mut output = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    let (mut headers, mut line) = (Vec::new(), String::new());
    input.read_line(&mut line)?;
    loop {
        line.clear();
        input.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((key, value)) => headers.push((key.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case("Content-Length"));
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = String::new();
    input.take(length).read_to_string(&mut body)?;
    let answer = state.answers.lock().expect("no panic").pop_front().unwrap_or(Answer::Status(200));
    let (status, more) = match &answer {
        Answer::Status(status) => (*status, String::new()),
        Answer::Redirect(to) => (307, format!("Location: {to}\r\n")),
        Answer::Silence(_) => (0, String::new()),
    };
    state.taken.lock().expect("no panic").push(Delivery { headers, body, answered: status });
    state.news.notify_all();
    if let Answer::Silence(time) = answer {
        std::thread::sleep(time);
        return Ok(());
    }
    write!(output, "HTTP/1.1 {status} x\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n")
}
