//! Which records are on their way.
//!
//! ```text
//!            sent                    acknowledged by the hub's store
//! on disk ─────────▶ in flight ─────────────────────────────────────▶ forgotten
//!                      │   ▲
//!                      └───┘ again: after every reconnect, and when no acknowledgement came in time
//! ```
//!
//! 1. [`Flight::next`] says which record to read from disk: one to send again, or the first of a kind in a range.
//! 2. The caller sends it and says so with [`Flight::sent`], or says that there was [nothing](Flight::nothing).
//! 3. [`Flight::acknowledged`] turns the hub's ranges into the records that may be deleted.
//!
//! States of events go out in the order of their numbers, again after a reconnect, and never wait for a picture:
//! `unsent` has the lanes. Order alone does not keep their arrival in order: a broker that has just come back confirms
//! what it passes to nobody, while the hub still finds its way. So each connection begins with the oldest record alone,
//! repeated until the hub's store answers; then the window opens, and over a connection that keeps order each first
//! arrival of a state is in order. Only records that were sent in this life of the program can be acknowledged: whatever
//! a broken hub says, nothing is forgotten unsent.
//!
//! An incident has a lane of its own, in which it never stands for the answer that opens the window, and waits longer each
//! time: a hub of before there were incidents does not subscribe to them and acknowledges none, and must not have
//! its events held up by that.
//!
//! Some answers come over the connection that the record went over, or never: a broker's own confirmation where there is
//! no hub, and the hub's acknowledgement where it comes over QUIC. There ([`Flight::patient`]) nothing is sent twice over
//! one connection but what was [refused](Flight::refused): a copy would only queue behind the first.

mod unsent;

use std::collections::BTreeMap;
use std::time::Duration;

use omma_protocol::event::Lasting;

use crate::Moment;
use crate::outbox::pace::Pace;
use unsent::{Lane, Unsent};

/// First wait for the answer that opens the window; doubles like any other.
pub const PROBE: Duration = Duration::from_secs(1);
/// Most states of events in flight.
pub const WINDOW: usize = 32;
/// Most pictures in flight: a state that happens now waits for no more than these to get through.
pub const PICTURES: usize = 4;
/// With so many bytes of pictures in flight no other joins them: four of the usual size, but not four of the largest, which a
/// state would stand behind for a minute of a thin uplink.
pub const PICTURE_BYTES: u64 = 256 << 10;
/// Most incidents in flight.
pub const INCIDENTS: usize = 4;
/// First wait for an acknowledgement; doubles with each repetition, because a broker that lives while the hub does not
/// would queue every copy.
pub const RESEND: Duration = Duration::from_secs(10);
/// Longest wait for an acknowledgement.
pub const RESEND_MAX: Duration = Duration::from_secs(160);
/// An acknowledgement that took longer than this comes from a store that was away, or from a broker that refused for as
/// long: what has gathered is of the past.
pub const AWAY: Duration = Duration::from_secs(30);

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A state of an event.
    Event,
    /// A picture.
    Picture,
    /// What befell the edge itself.
    Incident,
}

impl Kind {
    /// That of a thing.
    pub fn of(what: &Lasting) -> Self {
        match what {
            Lasting::Event(_) => Self::Event,
            Lasting::Picture(_) => Self::Picture,
            Lasting::Incident(_) => Self::Incident,
        }
    }
}

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This record again; [`Flight::gone`] where it is no longer on disk.
    Again(u64),
    /// The first record of this kind in a range of numbers; [`Flight::nothing`] where there is none.
    First {
        /// Of which kind.
        kind: Kind,
        /// First number.
        from: u64,
        /// Last number.
        to: u64,
    },
    /// Nothing before this moment, or before something happens.
    Wait(Option<Moment>),
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    kind: Kind,
    bytes: u64,
    /// When it was sent first, ever.
    first: Moment,
    /// `None` until it is sent over the present connection.
    at: Option<Moment>,
    wait: Duration,
    /// Whether it is sent again after this wait. Else only the next connection does that.
    again: bool,
}

impl Sent {
    /// From when on it may be sent again; `None` for not over this connection.
    fn due(&self) -> Option<Moment> {
        match self.at {
            Some(at) => self.again.then(|| at + self.wait),
            None => Some(Moment::ZERO),
        }
    }
}

/// The records in flight. Owned by the uplink's task.
#[derive(Debug)]
pub struct Flight {
    window: usize,
    /// Whether an answer can be lost while the connection holds.
    impatient: bool,
    connected: bool,
    /// Whether an acknowledgement has come over the present connection, and no refusal since.
    heard: bool,
    unsent: Unsent,
    pace: Pace,
    in_flight: BTreeMap<u64, Sent>,
}

impl Flight {
    /// Nothing in flight, not connected; the first record to be sent is the oldest on disk.
    pub fn new(window: usize, pace: Pace) -> Self {
        Self {
            window: window.max(1),
            impatient: true,
            connected: false,
            heard: false,
            unsent: Unsent::new(),
            pace,
            in_flight: BTreeMap::new(),
        }
    }

    /// Where no answer is lost while the connection holds.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { impatient: false, ..self }
    }

    /// A connection is up, and `newest` is on disk. What was in flight is sent again: nobody knows what the old
    /// connection lost.
    pub fn connected(&mut self, newest: u64) {
        (self.connected, self.heard) = (true, false);
        let forgotten = self.of(Kind::Picture).next().map(|(sequence, _)| sequence);
        self.in_flight.retain(|_, sent| sent.kind != Kind::Picture);
        self.unsent.end_past(newest, forgotten);
        for sent in self.in_flight.values_mut() {
            sent.at = None;
            if sent.kind == Kind::Event {
                sent.wait = PROBE;
            }
        }
    }

    /// Another outbox is sent from, with numbers of its own: nothing is in flight. `newest` is in it, and up to there its
    /// pictures are of the past, as where a connection begins.
    pub fn begin_anew(&mut self, newest: u64) {
        (self.heard, self.unsent) = (false, Unsent::new());
        self.unsent.end_past(newest, None);
        self.in_flight.clear();
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        self.connected = false;
    }

    /// What to send now, where `newest` is the highest number that is safely on disk (0 for none).
    pub fn next(&self, now: Moment, newest: u64) -> Next {
        if !self.connected {
            return Next::Wait(None);
        }
        let window = if self.heard { self.window } else { 1 };
        let unsent = self.unsent.range(Lane::Event, newest);
        let due = match self.of_lane(Kind::Event, window, unsent, now) {
            Ok(next) => return next,
            Err(due) => due,
        };
        let probing = !self.heard && self.of(Kind::Event).next().is_some();
        if unsent.is_some() || probing {
            // Whatever holds the states up, no picture overtakes them.
            return Next::Wait(due);
        }
        let incidents = self.unsent.range(Lane::Incident, newest);
        let due = match self.of_lane(Kind::Incident, INCIDENTS, incidents, now) {
            Ok(next) => return next,
            Err(incident) => [due, incident].into_iter().flatten().min(),
        };
        let mut pictures = self.unsent.range(Lane::Live, newest);
        let mut paced = None;
        if pictures.is_none()
            && let past @ Some(_) = self.unsent.range(Lane::Past, newest)
            && !self.of(Kind::Picture).any(|(sequence, _)| self.unsent.lane(Kind::Picture, sequence) == Lane::Past)
        {
            let ready = self.pace.ready();
            (pictures, paced) = if ready <= now { (past, None) } else { (None, Some(ready)) };
        }
        let in_flight: u64 = self.of(Kind::Picture).map(|(_, sent)| sent.bytes).sum();
        pictures = pictures.filter(|_| in_flight < PICTURE_BYTES);
        let window = if self.heard { PICTURES } else { 1 };
        match self.of_lane(Kind::Picture, window, pictures, now) {
            Ok(next) => next,
            Err(picture) => Next::Wait([due, picture, paced].into_iter().flatten().min()),
        }
    }

    /// What to send of one kind; else when the first of those in flight is due again.
    fn of_lane(
        &self,
        kind: Kind,
        window: usize,
        unsent: Option<(u64, u64)>,
        now: Moment,
    ) -> Result<Next, Option<Moment>> {
        let due = || self.of(kind).take(window).filter_map(|(sequence, sent)| Some((sent.due()?, sequence)));
        if let Some((_, sequence)) = due().find(|(at, _)| *at <= now) {
            return Ok(Next::Again(sequence));
        }
        match unsent {
            Some((from, to)) if self.of(kind).count() < window => Ok(Next::First { kind, from, to }),
            _ => Err(due().map(|(at, _)| at).min()),
        }
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = (u64, &Sent)> {
        self.in_flight.iter().filter(move |(_, sent)| sent.kind == kind).map(|(&sequence, sent)| (sequence, sent))
    }

    /// The record, of so many bytes, was handed to the connection.
    pub fn sent(&mut self, sequence: u64, kind: Kind, bytes: u64, now: Moment) {
        let wait = if self.heard || kind == Kind::Incident { RESEND } else { PROBE };
        if !self.in_flight.contains_key(&sequence) {
            // A picture that is sent again may be of the past by now, without all of the past before it being sent.
            self.unsent.through(kind, sequence);
        }
        let new = Sent { kind, bytes, first: now, at: None, wait, again: true };
        let sent = self.in_flight.entry(sequence).or_insert(new);
        if sent.at.is_some() {
            sent.wait = (sent.wait * 2).min(RESEND_MAX);
        }
        (sent.at, sent.again) = (Some(now), self.impatient);
        if self.unsent.lane(kind, sequence) == Lane::Past {
            self.pace.spend(bytes, now);
        }
    }

    /// The broker does not take the record. It is tried again after a wait, and until something is taken only the oldest of
    /// a kind goes, alone: whatever the reason, the others would hardly fare better.
    pub fn refused(&mut self, sequence: u64, now: Moment) {
        let sent = self.in_flight.get_mut(&sequence).map(|sent| {
            (sent.at, sent.again) = (Some(now), true);
            sent.kind
        });
        // A broker whose access rules are older than incidents takes the rest.
        self.heard &= sent == Some(Kind::Incident);
    }

    /// The record is no longer on disk.
    pub fn gone(&mut self, sequence: u64) {
        self.in_flight.remove(&sequence);
    }

    /// There is no record of that kind up to `last` left to send for the first time.
    pub fn nothing(&mut self, kind: Kind, last: u64) {
        self.unsent.through(kind, last);
    }

    /// The hub's store has these inclusive ranges, and `newest` is on disk. Returns the records that were in flight: the
    /// caller deletes them. Ranges turned inside out and numbers never sent are ignored.
    pub fn acknowledged(&mut self, ranges: &[[u64; 2]], now: Moment, newest: u64) -> Vec<u64> {
        let mut stored = vec![];
        let (mut heard, mut away) = (false, false);
        for &[first, last] in ranges.iter().filter(|[first, last]| first <= last) {
            let begin = stored.len();
            stored.extend(self.in_flight.range(first..=last).map(|(&sequence, _)| sequence));
            for sequence in &stored[begin..] {
                // An incident waits for other reasons than a store that is away, and says nothing of how states fare.
                if let Some(sent) = self.in_flight.remove(sequence)
                    && sent.kind != Kind::Incident
                {
                    heard = true;
                    away |= now.saturating_sub(sent.first) > AWAY;
                }
            }
        }
        if heard {
            self.heard = true;
            if away {
                self.unsent.end_past(newest, None);
            }
            // The hub's store is alive: what it has not said yet it will say soon, or has lost. What a broker refuses it
            // may go on refusing while it takes the rest.
            for sent in self.in_flight.values_mut().filter(|sent| self.impatient && sent.kind != Kind::Incident) {
                sent.wait = RESEND;
            }
        }
        stored
    }

    /// Whether it is an incident, and in flight.
    pub fn is_incident(&self, sequence: u64) -> bool {
        self.in_flight.get(&sequence).is_some_and(|sent| sent.kind == Kind::Incident)
    }

    /// Bytes of states and pictures that went over the present connection and are not answered; `None` where there is no
    /// such record. A hub may answer no incident, ever.
    pub fn unanswered(&self) -> Option<u64> {
        let sent = self.in_flight.values().filter(|sent| sent.kind != Kind::Incident && sent.at.is_some());
        sent.map(|sent| sent.bytes).reduce(u64::saturating_add)
    }

    /// How many are in flight.
    pub fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }
}

#[cfg(test)]
mod tests;
