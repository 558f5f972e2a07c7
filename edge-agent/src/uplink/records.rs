//! The outbox's records on their way over an uplink, whichever that is.
//!
//! ```text
//! outbox ──read──▶ Records ──Due──▶ uplink ──▶ hub, or broker
//!    ▲                                │
//!    └──delete──── Records ◀──────────┘ acknowledged
//! ```
//!
//! 1. The uplink says when a connection begins ([`Records::connected`]) and ends.
//! 2. [`Records::next`] reads what may be sent now, which [`edge_core::outbox::flight`] decides; the uplink sends it and
//!    says so ([`Records::sent`]).
//! 3. What is acknowledged is deleted ([`Records::forget`]).
//!
//! Owned by the uplink's task. [`Records::renumber`] comes before each of these: numbers mean nothing in another outbox.

use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::Moment;
use edge_core::outbox::flight::{Flight, Next, WINDOW};
use edge_core::outbox::pace::Pace;
use omma_protocol::event::Lasting;
use omma_protocol::id::{EdgeId, OutboxId};
use omma_protocol::wire::mqtt::{
    AckMessage, EventMessage, IncidentMessage, PROP_CROP, PROP_OUTBOX, PROP_REVISION, PROP_SEQUENCE, PROP_TIME, Topic,
};
use omma_runtime::step::Step;
use tokio::sync::watch;

use crate::clock::EdgeClock;
use crate::outbox::{Ended, Outbox, ReadError, Stored, Which};
use crate::state::OutboxState;

/// How long a read from the outbox may take before the connection is looked after again.
const READ: Duration = Duration::from_secs(2);

/// When a disk that failed to be read is asked again.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// When a record of another outbox than is known is asked for again: by then it is told that there is another.
const RENUMBERED: Duration = Duration::from_millis(20);

/// What the uplink does next.
#[derive(Debug)]
pub(super) enum Due {
    /// Sends this.
    Record(Box<Ready>),
    /// Nothing before this moment, or before something happens.
    Wait(Option<Moment>),
}

/// A record that may be sent now.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) stored: Stored,
    /// It was sent before.
    again: bool,
    /// When it began to be read.
    began: Instant,
}

#[derive(Debug)]
pub(super) struct Records {
    outbox: Outbox,
    clock: EdgeClock,
    flight: Flight,
    /// The outbox that the flight's numbers are of.
    numbered: OutboxId,
    changes: watch::Receiver<OutboxId>,
    step: Step,
}

impl Records {
    /// Not connected. `backfill` is what pictures from before a connection may take of it, bytes a second.
    pub(super) fn new(outbox: Outbox, backfill: u64, clock: EdgeClock, step: Step) -> Self {
        let mut changes = outbox.changes();
        let (flight, numbered) = (Flight::new(WINDOW, Pace::new(backfill)), *changes.borrow_and_update());
        Self { flight, numbered, changes, outbox, clock, step }
    }

    /// Where no answer is lost while the connection holds.
    #[must_use]
    pub(super) fn patient(self) -> Self {
        Self { flight: self.flight.patient(), ..self }
    }

    /// Tells when something was put into the outbox.
    pub(super) fn watch(&self) -> watch::Receiver<OutboxState> {
        self.outbox.state()
    }

    pub(super) fn connected(&mut self) {
        self.flight.connected(self.newest());
    }

    pub(super) fn disconnected(&mut self) {
        self.flight.disconnected();
    }

    /// Whether another outbox was sent from than before: a damaged database was set aside, or memory stood in for the disk. Then
    /// nothing is in flight.
    pub(super) fn renumber(&mut self) -> bool {
        // Where its sender is gone the outbox has ended.
        let anew = self.changes.has_changed().unwrap_or(false);
        if anew {
            self.numbered = *self.changes.borrow_and_update();
            self.flight.begin_anew(self.newest());
        }
        anew
    }

    /// # Errors
    /// When the outbox has ended.
    pub(super) async fn next(&mut self) -> Result<Due, Ended> {
        loop {
            let now = self.clock.now();
            let which = match self.flight.next(now, self.newest()) {
                Next::Again(sequence) => Which::Exactly(sequence),
                Next::First { kind, from, to } => Which::First { kind, from, to },
                Next::Wait(until) => return Ok(Due::Wait(until)),
            };
            let began = Instant::now();
            let Ok(read) = tokio::time::timeout(READ, self.outbox.read(which)).await else {
                return Ok(Due::Wait(Some(now + READ)));
            };
            let found = match read {
                Ok(found) => found,
                Err(ReadError::Ended(ended)) => return Err(ended),
                // What can't be looked at is not sent yet, and is not passed over.
                Err(ReadError::Failed) => return Ok(Due::Wait(Some(now + READ_AGAIN))),
            };
            if found.as_ref().is_some_and(|stored| stored.stamp.outbox != self.numbered) {
                // Read across the change: the new numbers come first, which are told at any moment.
                return Ok(Due::Wait(Some(now + RENUMBERED)));
            }
            match (found, which) {
                (Some(stored), _) => {
                    let again = matches!(which, Which::Exactly(_));
                    return Ok(Due::Record(Box::new(Ready { stored, again, began })));
                }
                (None, Which::Exactly(sequence)) => self.flight.gone(sequence),
                (None, Which::First { kind, to, .. }) => self.flight.nothing(kind, to),
            }
        }
    }

    /// The record, of so many bytes, was handed to the connection.
    pub(super) fn sent(&mut self, Ready { stored, again, began }: &Ready, bytes: usize) {
        if *again {
            metrics::counter!("omma_uplink_resent_total").increment(1);
        }
        self.step.observe(began.elapsed());
        self.flight.sent(stored.stamp.sequence, stored.kind(), bytes as u64, self.clock.now());
        self.show();
    }

    /// Whether the record is an incident.
    pub(super) fn is_incident(&self, sequence: u64) -> bool {
        self.flight.is_incident(sequence)
    }

    /// As [`Flight::unanswered`].
    pub(super) fn unanswered(&self) -> Option<u64> {
        self.flight.unanswered()
    }

    /// The broker does not take the record.
    pub(super) fn refused(&mut self, sequence: u64) {
        self.flight.refused(sequence, self.clock.now());
    }

    /// What the hub's store has. Whether that was of this outbox.
    ///
    /// # Errors
    /// When the outbox has ended.
    pub(super) async fn acknowledged(&mut self, ack: &AckMessage) -> Result<bool, Ended> {
        if ack.outbox != self.numbered {
            // Of an outbox that was set aside; whoever passed it on had kept it.
            tracing::debug!(outbox = %ack.outbox, "acknowledgement for another outbox");
            return Ok(false);
        }
        self.forget(&ack.stored).await?;
        Ok(true)
    }

    /// These inclusive ranges are safe.
    ///
    /// # Errors
    /// When the outbox has ended.
    pub(super) async fn forget(&mut self, acknowledged: &[[u64; 2]]) -> Result<(), Ended> {
        let stored = self.flight.acknowledged(acknowledged, self.clock.now(), self.newest());
        stored.iter().for_each(|_| self.step.done());
        if !stored.is_empty() {
            self.outbox.delete(self.numbered, stored).await?;
        }
        self.show();
        Ok(())
    }

    /// A record that the other end would close the connection for, every time: it must not hold up the others.
    ///
    /// # Errors
    /// When the outbox has ended.
    pub(super) async fn give_up(&mut self, stored: &Stored, len: usize, max: usize) -> Result<(), Ended> {
        let sequence = stored.stamp.sequence;
        tracing::error!(sequence, len, max, "an event or picture is lost: the other end takes none of this length");
        self.step.dropped("packet too large");
        self.flight.gone(sequence);
        self.flight.nothing(stored.kind(), sequence);
        self.outbox.delete(stored.stamp.outbox, vec![sequence]).await
    }

    /// The newest number that is safely on disk.
    fn newest(&self) -> u64 {
        self.outbox.state().borrow().newest
    }

    fn show(&self) {
        metrics::gauge!("omma_uplink_in_flight").set(self.flight.len() as f64);
    }
}

/// A record as it is said on its topic.
#[derive(Debug)]
pub(super) struct OnTopic {
    pub(super) topic: Topic,
    /// User properties.
    pub(super) properties: Vec<(String, String)>,
    pub(super) payload: Bytes,
}

/// A record that can't be put into a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("encode a message: {0}")]
pub struct EncodeError(String);

pub(super) fn on_topic(edge: &EdgeId, stored: &Stored) -> Result<OnTopic, EncodeError> {
    let stamp = stored.stamp;
    match &stored.what {
        Lasting::Event(event) => {
            let topic = Topic::Events(edge.clone(), event.camera.clone());
            Ok(OnTopic { topic, properties: vec![], payload: json(&EventMessage::new(edge, event, Some(stamp)))? })
        }
        Lasting::Incident(incident) => {
            let topic = Topic::Incidents(edge.clone());
            Ok(OnTopic { topic, properties: vec![], payload: json(&IncidentMessage::new(incident, stamp))? })
        }
        Lasting::Picture(picture) => {
            let mut properties = vec![
                (PROP_OUTBOX, stamp.outbox.to_string()),
                (PROP_SEQUENCE, stamp.sequence.to_string()),
                (PROP_REVISION, picture.revision.to_string()),
                (PROP_TIME, picture.time.0.to_string()),
            ];
            let topic = Topic::Picture(edge.clone(), picture.camera.clone(), picture.event);
            let payload = match &picture.crop {
                None => picture.jpeg.clone(),
                Some(crop) => {
                    properties.push((PROP_CROP, picture.jpeg.len().to_string()));
                    [&picture.jpeg[..], crop].concat().into()
                }
            };
            let properties = properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            Ok(OnTopic { topic, properties, payload })
        }
    }
}

fn json(message: &impl serde::Serialize) -> Result<Bytes, EncodeError> {
    serde_json::to_vec(message).map(Bytes::from).map_err(|e| EncodeError(e.to_string()))
}

#[cfg(test)]
mod tests {
    use omma_protocol::event::Stamp;
    use uuid::Uuid;

    use super::*;
    use crate::outbox::record::tests::{cropped, picture};

    #[test]
    fn a_crop_goes_behind_its_whole_frame_and_a_picture_without_one_as_ever() {
        let (edge, stamp) = ("site".parse().unwrap(), Stamp { outbox: OutboxId(Uuid::nil()), sequence: 3 });
        let said = |what| {
            let OnTopic { topic, properties, payload } = on_topic(&edge, &Stored { stamp, what }).unwrap();
            let crop_at =
                properties.iter().find(|(key, _)| key == PROP_CROP).map(|(_, at)| at.parse::<usize>().unwrap());
            assert!(matches!(topic, Topic::Picture(..)) && properties.len() == 4 + usize::from(crop_at.is_some()));
            (payload, crop_at)
        };
        assert_eq!(said(picture(9, 5)), (Bytes::from_static(&[7; 5]), None));
        assert_eq!(said(cropped(9, 2)), (Bytes::from_static(&[7, 7, 9, 9]), Some(2)));
    }
}
