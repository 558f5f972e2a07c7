//! The records' stream. [`Floor`] decides whether it goes behind the video of the same connection or beside it
//! ([`places`](super::places)).

use std::time::Duration;

use bytes::Bytes;
use edge_core::Moment;
use edge_core::outbox::floor::Floor;
use quinn::SendStream;
use tokio::time::Instant;

use super::QuicError;
use super::places::{PRIORITY_RECORDS, Places};

/// What is handed to the connection at once.
pub(super) const PIECE: usize = 64 << 10;
/// For the connection to take a [`PIECE`]: 17 kbit/s.
pub(super) const STALLED: Duration = Duration::from_secs(30);

/// The stream. Who sends records owns it.
pub(super) struct Lane {
    stream: SendStream,
    floor: Floor,
    /// Moments are since then.
    opened: Instant,
    places: Places,
    /// Handed to the connection and not answered, as was said last.
    under_way: u64,
}

impl Lane {
    /// Behind the video, with nothing under way.
    pub(super) fn new(stream: SendStream, places: Places) -> Result<Self, QuicError> {
        stream.set_priority(PRIORITY_RECORDS).map_err(|e| QuicError::Lost(e.to_string()))?;
        places.set_beside(false);
        Ok(Self { stream, floor: Floor::default(), opened: Instant::now(), places, under_way: 0 })
    }

    /// So many bytes were handed over and are not answered. To be said after each [`Lane::write`] and each answer.
    pub(super) fn under_way(&mut self, bytes: u64) {
        self.under_way = bytes;
        self.waits_for(bytes);
    }

    /// Until it is time to [turn](Lane::turn), if nothing is said before.
    pub(super) async fn due(&self) {
        match self.wake() {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// From beside the video only an answer leads back.
    fn wake(&self) -> Option<Instant> {
        let due = self.floor.due()?;
        (!self.places.are_beside()).then(|| self.opened + due)
    }

    /// Takes the place that is due now.
    pub(super) fn turn(&self) {
        let beside = self.floor.due().is_some_and(|due| due <= self.now());
        if self.places.are_beside() != beside {
            self.places.set_beside(beside);
            let place = if beside { "beside" } else { "behind" };
            metrics::counter!("omma_uplink_record_turns_total", "place" => place).increment(1);
        }
    }

    /// Hands a record over, in parts. Waits for as long as the connection takes something, and turns meanwhile.
    pub(super) async fn write(&mut self, parts: impl IntoIterator<Item = Bytes>) -> Result<(), QuicError> {
        let parts: Vec<Bytes> = parts.into_iter().collect();
        let bytes: usize = parts.iter().map(Bytes::len).sum();
        self.waits_for(self.under_way.saturating_add(bytes as u64));
        for mut part in parts {
            while !part.is_empty() {
                self.write_piece(part.split_to(part.len().min(PIECE))).await?;
            }
        }
        Ok(())
    }

    async fn write_piece(&mut self, piece: Bytes) -> Result<(), QuicError> {
        let (mut piece, until) = ([piece], Instant::now() + STALLED);
        while !piece[0].is_empty() {
            let wake = self.wake().unwrap_or(until).min(until);
            tokio::select! {
                // What it takes it cuts from the piece, and may be dropped while it takes nothing.
                written = self.stream.write_chunks(&mut piece) => {
                    written.map_err(|e| QuicError::Lost(e.to_string()))?;
                }
                () = tokio::time::sleep_until(wake) => {
                    if Instant::now() >= until {
                        return Err(stalled());
                    }
                    self.turn();
                }
            }
        }
        Ok(())
    }

    fn waits_for(&mut self, bytes: u64) {
        self.floor.unanswered(bytes, self.now());
        self.turn();
    }

    fn now(&self) -> Moment {
        self.opened.elapsed()
    }
}

/// Hands over what has no lane. Waits for as long as the connection takes something.
pub(super) async fn write(stream: &mut SendStream, mut bytes: Bytes) -> Result<(), QuicError> {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(PIECE));
        match tokio::time::timeout(STALLED, stream.write_chunk(piece)).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return Err(QuicError::Lost(e.to_string())),
            Err(_) => return Err(stalled()),
        }
    }
    Ok(())
}

fn stalled() -> QuicError {
    QuicError::Lost(format!("nothing went out for {} s", STALLED.as_secs()))
}
