//! The TCP connection as russh reads and writes it, tuned for round trips, and with a switch to end it from outside.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// One end of a connection. Clones are the same connection.
#[derive(Debug, Clone)]
pub struct Socket {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stream: TcpStream,
    opened: Instant,
    /// When the last byte came from the client, in milliseconds after `opened`.
    last_read_ms: AtomicU64,
}

impl Socket {
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let socket =
            Self { shared: Arc::new(Shared { stream, opened: Instant::now(), last_read_ms: AtomicU64::new(0) }) };
        socket.acknowledge_at_once();
        Ok(socket)
    }

    #[must_use]
    pub fn opened(&self) -> Instant {
        self.shared.opened
    }

    #[must_use]
    pub fn last_read(&self) -> Instant {
        let after = Duration::from_millis(self.shared.last_read_ms.load(Ordering::Relaxed));
        self.shared.opened.checked_add(after).unwrap_or(self.shared.opened)
    }

    /// Ends the connection both ways, whoever waits on it.
    pub fn end(&self) {
        // Fails only if the peer has ended it already.
        let _ = socket2::SockRef::from(&self.shared.stream).shutdown(std::net::Shutdown::Both);
    }

    /// Asks the kernel not to delay its acknowledgements.
    ///
    /// An OpenSSH client without a terminal leaves Nagle's algorithm on: it holds back its next small packet until the
    /// last is acknowledged, and our kernel would wait 40 ms for something to send along. Linux drops the flag again
    /// by itself, so it is set after each read.
    fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(&self.shared.stream).set_tcp_quickack(true);
    }

    fn note_read(&self) {
        let elapsed = u64::try_from(self.shared.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.shared.last_read_ms.store(elapsed, Ordering::Relaxed);
        self.acknowledge_at_once();
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.shared.stream.poll_read_ready(cx))?;
            match self.shared.stream.try_read(buf.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(count) => {
                    buf.advance(count);
                    self.note_read();
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.shared.stream.poll_write_ready(cx))?;
            match self.shared.stream.try_write(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match socket2::SockRef::from(&self.shared.stream).shutdown(std::net::Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            Ok(()) | Err(_) => Poll::Ready(Ok(())),
        }
    }
}
