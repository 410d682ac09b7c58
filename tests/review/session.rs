//! A person at a terminal, by a script: the next step is taken when the picture of the last one is there.

use refgate::review::{Colors, Desk, Event, Terminal, run};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};

pub enum Step<'a> {
    Type(&'a [u8]),
    Resize(u16, u16),
    /// Compares the screen with the file of this name.
    Look(&'a str),
    /// Keeps the screen for the test.
    Keep,
}

/// What came of a script.
pub struct Outcome {
    pub kept: Vec<String>,
    pub output: Vec<u8>,
    /// The screen at the end, after the terminal was given back.
    pub end: vt100::Parser,
}

struct Person<'a> {
    steps: VecDeque<Step<'a>>,
    parser: vt100::Parser,
    output: Vec<u8>,
    sender: Sender<Event>,
    kept: Vec<String>,
    has_started: bool,
}

pub fn play(desk: &mut dyn Desk, size: (u16, u16), colors: Colors, steps: Vec<Step<'_>>) -> Outcome {
    let (sender, receiver) = channel();
    let parser = vt100::Parser::new(cells(size.1), cells(size.0), 0);
    let (output, kept) = (Vec::new(), Vec::new());
    let mut person = Person { steps: steps.into(), parser, output, sender, kept, has_started: false };
    run(desk, &receiver, &mut person, Terminal { size, colors }).expect("it runs");
    Outcome { kept: person.kept, output: person.output, end: person.parser }
}

impl Write for Person<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.parser.process(bytes);
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // The first is only the start of the session, and while the gate is at work nobody types.
        let is_picture = std::mem::replace(&mut self.has_started, true);
        if !is_picture || screen(&self.parser).contains("working…") {
            return Ok(());
        }
        loop {
            let event = match self.steps.pop_front() {
                Some(Step::Type(bytes)) => Event::Bytes(bytes.to_vec()),
                Some(Step::Resize(columns, rows)) => {
                    self.parser.screen_mut().set_size(cells(rows), cells(columns));
                    Event::Resize(columns, rows)
                }
                Some(Step::Look(name)) => {
                    compare(name, &screen(&self.parser));
                    continue;
                }
                Some(Step::Keep) => {
                    self.kept.push(screen(&self.parser));
                    continue;
                }
                None => Event::HangUp,
            };
            // Nobody listens any more once the person has quit.
            let _ = self.sender.send(event);
            return Ok(());
        }
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count.min(500)).unwrap_or(NonZero::<u16>::MIN)
}

pub fn screen(parser: &vt100::Parser) -> String {
    let (_, columns) = parser.screen().size();
    parser.screen().rows(0, columns.get()).map(|row| row.trim_end().to_owned() + "\n").collect()
}

fn compare(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/review/screens").join(name).with_extension("txt");
    if std::env::var_os("REFGATE_BLESS").is_some() {
        std::fs::write(&path, found).expect("written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{name} is not as it was; REFGATE_BLESS=1 writes it anew:\n{found}");
}
