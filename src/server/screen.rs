//! What a person types at a pty, for a verb that fills the screen and for one that does not.

use super::bridge::Input;
use super::terminal::Terminal;
use crate::review::Event;
use std::io::Read;
use std::sync::mpsc::{Receiver, sync_channel};
use tokio_util::sync::CancellationToken;

/// Ctrl-C and Ctrl-D.
const ENDING: [u8; 2] = [3, 4];
/// Keys and sizes that may wait for the screen; who types ahead of that is held up.
const WAITING_MAX: usize = 256;

/// Keys and new sizes in the order they come. The threads behind it end with the channel they read.
#[must_use]
pub fn events(mut input: Input, terminal: &Terminal) -> Receiver<Event> {
    let (send, events) = sync_channel(WAITING_MAX);
    let resizes = terminal.resizes();
    let resized = send.clone();
    std::thread::spawn(move || {
        for (columns, rows) in resizes {
            if resized.send(Event::Resize(columns, rows)).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let event = match input.read(&mut buffer) {
                Ok(count @ 1..) => Event::Bytes(buffer.get(..count).unwrap_or_default().to_vec()),
                Ok(0) | Err(_) => Event::HangUp,
            };
            let is_end = event == Event::HangUp;
            if send.send(event).is_err() || is_end {
                return;
            }
        }
    });
    events
}

/// For a verb that does not fill the screen: Ctrl-C, Ctrl-D or the client's end takes its output away.
pub fn end_when_asked(mut input: Input, ended: CancellationToken) {
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = input.read(&mut buffer) {
            if buffer.get(..count).unwrap_or_default().iter().any(|byte| ENDING.contains(byte)) {
                break;
            }
        }
        ended.cancel();
    });
}
