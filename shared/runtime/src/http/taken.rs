//! A peer must take what it is sent: hyper has no time-out of its own for that, and would wait for ever.

use std::error::Error;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A socket on which no write waits longer than `patience` for the peer to take something. Of TCP nothing else waits.
#[derive(Debug)]
pub(super) struct Taken<S> {
    socket: S,
    patience: Duration,
    /// While a write waits, when it is given up.
    waits: Option<Pin<Box<Sleep>>>,
}

/// What it fails with.
#[derive(Debug, thiserror::Error)]
#[error("the peer took nothing for {0:?}")]
struct Unread(Duration);

/// Whether `error` comes of a peer that took nothing.
pub(super) fn is_unread(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&e| e.source()).any(|e| {
        // An `io::Error` does not show what it was made of as its source.
        let inner = e.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner.is_some_and(|inner| inner.is::<Unread>())
    })
}

impl<S: AsyncWrite + Unpin> Taken<S> {
    pub(super) fn within(patience: Duration, socket: S) -> Self {
        Self { socket, patience, waits: None }
    }

    fn in_time(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let written = write(Pin::new(&mut self.socket), cx);
        if written.is_ready() {
            self.waits = None;
            return written;
        }
        let patience = self.patience;
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(patience)));
        match waits.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, Unread(patience)))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taken<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().in_time(cx, |socket, cx| socket.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().in_time(cx, |socket, cx| socket.poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taken<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(cx, bytes)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_a_little_now_and_then_is_waited_for_and_one_that_takes_nothing_is_not() {
        let (mut peer, socket) = duplex(64);
        let mut socket = Taken::within(PATIENCE, socket);
        let slow = tokio::spawn(async move {
            for _ in 0..10 {
                tokio::time::sleep(PATIENCE - Duration::from_secs(1)).await;
                peer.read_u8().await.unwrap();
            }
            peer
        });
        let error = socket.write_all(&[0; 1024]).await.unwrap_err();
        assert!(slow.is_finished(), "it is given up while it reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(is_unread(&error), "{error:?}");
        assert!(!is_unread(&io::Error::from(io::ErrorKind::TimedOut)));
    }
}
