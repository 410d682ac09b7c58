//! Between the async channel of a session and the blocking engine that serves it.
//!
//! Input: the engine's thread waits for the channel's messages itself; while it does not, at most the channel's buffer
//! fills and the connection stops reading. Output: the engine writes into a bounded buffer that `drain` empties into
//! the channel. Both ways a client that makes the engine wait longer than `idle_time_max` breaks the bridge, and so
//! does the end of the channel; time the engine takes itself never does.
//!
//! russh opens the client's window again as data arrives, not as it is read, so a full input buffer holds up the whole
//! connection, output too. An engine must therefore not wait to write more than `OUTPUT_BYTES_MAX` while megabytes of
//! input lie unread; git's protocols, which talk in turns, never do, and who tries is cut off by the idle limit.

use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Bytes of output that may wait for the client before the engine does.
pub const OUTPUT_BYTES_MAX: usize = 256 * 1024;

/// What the client sends, for the engine to read. Not to be used on a thread of the async runtime.
pub struct Input {
    channel: ChannelReadHalf,
    /// The message being read, and how much of it is done with.
    current: Option<(ChannelMsg, usize)>,
    ended: bool,
    stalled: bool,
    runtime: Handle,
    idle_time_max: Duration,
    closed: CancellationToken,
}

impl Input {
    /// `closed` ends every wait with an error.
    #[must_use]
    pub fn new(channel: ChannelReadHalf, idle_time_max: Duration, closed: CancellationToken) -> Self {
        Self { channel, current: None, ended: false, stalled: false, runtime: Handle::current(), idle_time_max, closed }
    }

    fn read_current(&mut self, buffer: &mut [u8]) -> usize {
        let Some((ChannelMsg::Data { data }, done)) = &mut self.current else { return 0 };
        let rest = data.get(*done..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        *done = done.saturating_add(count);
        count
    }

    /// Waits for the next data; `false` at the client's end of file.
    fn next_data(&mut self) -> io::Result<bool> {
        if self.stalled {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the client has stalled before"));
        }
        let (channel, closed) = (&mut self.channel, &self.closed);
        let wait = async {
            tokio::select! {
                biased;
                message = next_message(channel) => message,
                () = closed.cancelled() => None,
            }
        };
        let message = self.runtime.block_on(async { tokio::time::timeout(self.idle_time_max, wait).await });
        match message {
            Ok(Some(ChannelMsg::Eof)) => Ok(false),
            Ok(Some(data)) => {
                self.current = Some((data, 0));
                Ok(true)
            }
            Ok(None) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the client has gone")),
            Err(_) => {
                self.stalled = true;
                Err(io::Error::new(io::ErrorKind::TimedOut, "the client sent nothing for too long"))
            }
        }
    }
}

/// The next message that is data or ends it; `None` where the channel is closed.
async fn next_message(channel: &mut ChannelReadHalf) -> Option<ChannelMsg> {
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Data { data }) if data.is_empty() => {}
            Some(message @ (ChannelMsg::Data { .. } | ChannelMsg::Eof)) => return Some(message),
            Some(ChannelMsg::Close) | None => return None,
            // Window changes and requests; the handler has answered those that want an answer.
            Some(_) => {}
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.ended {
            return Ok(0);
        }
        loop {
            let count = self.read_current(buffer);
            if count > 0 {
                return Ok(count);
            }
            if !self.next_data()? {
                self.ended = true;
                return Ok(0);
            }
        }
    }
}

/// Where the engine writes. Dropping it is the end of the output.
pub struct Output {
    shared: Arc<Shared>,
}

/// The other end of `Output`.
pub struct Drain {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    /// Something was written, or the output has ended.
    written: Notify,
    /// Something was taken, or the client has gone.
    taken: Condvar,
}

#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    ended: bool,
    broken: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[must_use]
pub fn output() -> (Output, Drain) {
    let shared = Arc::new(Shared::default());
    (Output { shared: Arc::clone(&shared) }, Drain { shared })
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pending = self.shared.lock();
        while !pending.broken && pending.bytes.len() >= OUTPUT_BYTES_MAX {
            pending = self.shared.taken.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
        if pending.broken {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone"));
        }
        let count = bytes.len().min(OUTPUT_BYTES_MAX.saturating_sub(pending.bytes.len()));
        pending.bytes.extend_from_slice(bytes.get(..count).unwrap_or_default());
        drop(pending);
        self.shared.written.notify_one();
        Ok(count)
    }

    /// Whatever is written is on its way; an error, if nobody is there to take it.
    fn flush(&mut self) -> io::Result<()> {
        if self.shared.lock().broken {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone"));
        }
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.written.notify_one();
    }
}

/// Says why output could not be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    #[error("the client has gone")]
    Gone,
    #[error("the client took nothing for too long")]
    Stalled,
}

impl Drain {
    /// Sends everything written until the output ends. A failure also fails the engine's next write.
    pub async fn run<S>(
        self,
        channel: &ChannelWriteHalf<S>,
        idle_time_max: Duration,
        closed: &CancellationToken,
    ) -> Result<(), Undelivered>
    where
        S: From<(russh::ChannelId, ChannelMsg)> + Send + Sync + 'static,
    {
        while let Some(bytes) = self.next().await {
            let sent = tokio::time::timeout(idle_time_max, channel.data_bytes(bytes));
            tokio::select! {
                result = sent => match result {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err(Undelivered::Gone),
                    Err(_) => return Err(Undelivered::Stalled),
                },
                () = closed.cancelled() => return Err(Undelivered::Gone),
            }
        }
        Ok(())
    }

    /// What was written since the last time; `None` at the end.
    async fn next(&self) -> Option<Vec<u8>> {
        loop {
            {
                let mut pending = self.shared.lock();
                if !pending.bytes.is_empty() {
                    let bytes = std::mem::take(&mut pending.bytes);
                    self.shared.taken.notify_one();
                    return Some(bytes);
                }
                if pending.ended {
                    return None;
                }
            }
            self.shared.written.notified().await;
        }
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.shared.lock().broken = true;
        self.shared.taken.notify_one();
    }
}
