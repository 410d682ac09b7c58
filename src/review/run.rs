//! The loop: keys in, pictures out, the desk in between.

use super::desk::{Desk, DeskError};
use super::draw::draw;
use super::keys::{Key, Keys};
use super::screen::{Colors, Screen};
use super::state::{Ask, State};
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

/// What comes from the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Bytes(Vec<u8>),
    /// The window has so many columns and rows now.
    Resize(u16, u16),
    HangUp,
}

/// What is known of the terminal at the start.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Columns and rows.
    pub size: (u16, u16),
    pub colors: Colors,
}

/// The terminal cannot be written to.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to the terminal: {0}")]
pub struct ReviewError(#[from] io::Error);

/// So long an escape may be the start of a longer key.
const ESCAPE_TIME: Duration = Duration::from_millis(50);
/// So often the queue is read anew while it is looked at.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);
/// Of keys that come in one piece the rest is dropped: nobody types so fast.
const KEYS_MAX: usize = 1000;

/// Runs until the person quits or is gone. The terminal is as it was afterwards, whatever happened.
pub fn run(
    desk: &mut dyn Desk,
    input: &Receiver<Event>,
    output: &mut dyn Write,
    terminal: Terminal,
) -> Result<(), ReviewError> {
    let screen = Screen::enter(output, terminal.size)?;
    let state = State::new(screen.size(), desk.now());
    let mut review = Review { desk, screen, colors: terminal.colors, state };
    review.ask(Ask::Queue)?;
    let mut keys = Keys::default();
    loop {
        review.show()?;
        let refresh = review.state.is_at_queue().then_some(REFRESH_INTERVAL);
        let mut event = wait(input, &mut keys, refresh);
        let mut next = Next::Go;
        // What is there already is taken in before the next picture.
        loop {
            match event {
                Heard::End => next = Next::Leave,
                // Keys after a decision were meant for what was on the screen before it.
                Heard::Keys(_) if next == Next::Decided => {}
                Heard::Keys(keys) => next = review.keys(&keys)?,
                Heard::Nothing => review.refresh(),
                Heard::Size(size) => {
                    review.screen.reset(size)?;
                    review.state.resize(review.screen.size());
                }
            }
            if next == Next::Leave {
                return Ok(review.screen.leave()?);
            }
            event = match input.try_recv() {
                Ok(event) => heard(event, &mut keys),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => Heard::End,
            };
        }
    }
}

enum Heard {
    Keys(Vec<Key>),
    Size((u16, u16)),
    /// For a while.
    Nothing,
    End,
}

fn heard(event: Event, keys: &mut Keys) -> Heard {
    match event {
        Event::Bytes(bytes) => Heard::Keys(keys.read(&bytes)),
        Event::Resize(columns, rows) => Heard::Size((columns, rows)),
        Event::HangUp => Heard::End,
    }
}

/// Waits for what comes, if `refresh` says so not longer than that.
fn wait(input: &Receiver<Event>, keys: &mut Keys, refresh: Option<Duration>) -> Heard {
    let time = if keys.may_be_escape() { Some(ESCAPE_TIME) } else { refresh };
    let Some(time) = time else { return input.recv().map_or(Heard::End, |event| heard(event, keys)) };
    match input.recv_timeout(time) {
        Ok(event) => heard(event, keys),
        Err(RecvTimeoutError::Timeout) => keys.settle().map_or(Heard::Nothing, |key| Heard::Keys(vec![key])),
        Err(RecvTimeoutError::Disconnected) => Heard::End,
    }
}

/// What follows from a key.
#[derive(PartialEq, Eq)]
enum Next {
    Go,
    Decided,
    Leave,
}

struct Review<'a> {
    desk: &'a mut dyn Desk,
    screen: Screen<'a>,
    colors: Colors,
    state: State,
}

impl Review<'_> {
    fn show(&mut self) -> io::Result<()> {
        let mut picture = self.screen.blank();
        draw(&self.state, self.colors, &mut picture);
        self.screen.show(picture)
    }

    fn keys(&mut self, keys: &[Key]) -> io::Result<Next> {
        for key in keys.iter().take(KEYS_MAX) {
            let next = self.key(key)?;
            if next != Next::Go {
                return Ok(next);
            }
        }
        Ok(Next::Go)
    }

    fn key(&mut self, key: &Key) -> io::Result<Next> {
        if *key == Key::Control('l') {
            self.screen.reset(self.state.size)?;
            return Ok(Next::Go);
        }
        match self.state.key(key) {
            Some(Ask::Quit) => Ok(Next::Leave),
            Some(ask) => self.ask(ask),
            None => Ok(Next::Go),
        }
    }

    fn ask(&mut self, ask: Ask) -> io::Result<Next> {
        self.state.now = self.desk.now();
        let next = if matches!(ask, Ask::Approve(_) | Ask::Reject(..)) { Next::Decided } else { Next::Go };
        if next == Next::Decided || matches!(ask, Ask::Commit { .. }) {
            // Forwarding takes its time, and so does comparing large files.
            self.state.busy("working…");
            self.show()?;
            self.state.message = None;
        }
        match self.answer(ask) {
            Ok(()) if next == Next::Decided => self.refresh_queue(),
            Ok(()) => {}
            Err(error) => self.state.failed(error.to_string()),
        }
        Ok(next)
    }

    /// While nobody types. What is told on the last line stays.
    fn refresh(&mut self) {
        self.state.now = self.desk.now();
        match self.desk.queue() {
            Ok(queue) => self.state.show_queue(queue),
            Err(error) => self.state.failed(error.to_string()),
        }
    }

    fn refresh_queue(&mut self) {
        match self.desk.queue() {
            Ok(queue) => self.state.show_queue(queue),
            // What was decided is told rather; the next R tells of this.
            Err(_) => self.state.show_queue(Vec::new()),
        }
    }

    fn answer(&mut self, ask: Ask) -> Result<(), DeskError> {
        match ask {
            Ask::Queue => self.state.show_queue(self.desk.queue()?),
            Ask::Open(push) => self.state.show_push(self.desk.open(push)?),
            Ask::Commit { push, commit, place } => {
                let diff = self.desk.commit(push, commit)?;
                self.state.show_commit(commit, diff, place);
            }
            Ask::Approve(push) => {
                let told = self.desk.approve(push)?;
                self.state.decided(told);
            }
            Ask::Reject(push, reason) => {
                let told = self.desk.reject(push, &reason)?;
                self.state.decided(told);
            }
            Ask::Quit => {}
        }
        Ok(())
    }
}
