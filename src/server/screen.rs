//! What a person types at a pty, for a verb that fills the screen and for one that does not.

use super::bridge::Input;
use super::terminal::Terminal;
use crate::verbs::ScreenEvent;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, sync_channel};

/// Ctrl-C and Ctrl-D.
const ENDING: [u8; 2] = [3, 4];
/// Keys and sizes that may wait for the screen; who types ahead of that is held up.
const WAITING_MAX: usize = 256;

/// Keys and new sizes in the order they come. The threads behind it end with the channel they read.
#[must_use]
pub fn events(mut input: Input, terminal: &Terminal) -> Receiver<ScreenEvent> {
    let (send, events) = sync_channel(WAITING_MAX);
    let resizes = terminal.resizes();
    let resized = send.clone();
    std::thread::spawn(move || {
        for (columns, rows) in resizes {
            if resized.send(ScreenEvent::Resize(columns, rows)).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let event = match input.read(&mut buffer) {
                Ok(count @ 1..) => ScreenEvent::Keys(buffer.get(..count).unwrap_or_default().to_vec()),
                Ok(0) | Err(_) => ScreenEvent::End,
            };
            let is_end = event == ScreenEvent::End;
            if send.send(event).is_err() || is_end {
                return;
            }
        }
    });
    events
}

/// What is typed at a verb that does not fill the screen: Ctrl-C and Ctrl-D end it.
pub struct Typed(pub Input);

impl Read for Typed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        let typed = buffer.get(..count).unwrap_or_default();
        Ok(typed.iter().position(|byte| ENDING.contains(byte)).unwrap_or(count))
    }
}
