//! Values of which the newest is all that counts, on topics that the broker retains: what is sent when.
//!
//! ```text
//!            ┌───────── set: another value ─────────┐
//!            ▼                                      │
//! set ──▶ Unsent ──next()──▶ UnderWay ──taken──▶ Taken        (a cleared one is forgotten here)
//!            ▲                   │
//!            └── connection ended, or refused ──────┘
//! ```
//!
//! - A map of topics, not a queue: while the broker is away the newest value of each topic waits, however often it
//!   changes.
//! - A value is published at most once in its topic's interval, the first at once.
//! - What others are misread without goes before them ([`Retained::set_first`]): a camera's state before its counts, which
//!   are 0 where nobody can look.
//! - At most [`UNDER_WAY`] values wait for the broker's answer, and large ones (pictures) go last and one at a time, so
//!   that events are not held up.
//! - A broker that has kept this client's session (MQTT 5 §3.2.2.1.1) has kept what it took; another is told everything
//!   anew.
//!
//! Bound: [`TOPICS`] topics; the values of further ones are not taken, and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::Moment;

/// Values that may wait for the broker's answer.
pub const UNDER_WAY: usize = 8;
/// Most topics.
pub const TOPICS: usize = 8192;
/// Payloads above this many bytes are large.
const LARGE: usize = 4096;
/// How long after the broker's refusal the same value is tried again.
const REFUSED: Duration = Duration::from_secs(60);

/// What may go out now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<P> {
    /// This.
    Send(Value<P>),
    /// Nothing, until this moment or until something changes.
    Wait(Option<Moment>),
}

/// A value as it is sent. An empty payload clears the topic (MQTT 5 §3.3.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value<P> {
    /// Topic name.
    pub topic: String,
    /// The value.
    pub payload: P,
    /// For [`Retained::answered`].
    pub serial: u64,
}

/// The values of all topics. `P` is shared bytes.
#[derive(Debug)]
pub struct Retained<P> {
    known: BTreeMap<String, Known<P>>,
    unsent: BTreeSet<(Rank, String)>,
    /// By serial: what the broker has not answered.
    under_way: BTreeMap<u64, UnderWay>,
    serial: u64,
    refused_topics: u64,
}

/// What waits goes out in this order, by topic within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    First,
    Then,
}

#[derive(Debug)]
struct Known<P> {
    rank: Rank,
    payload: P,
    serial: u64,
    every: Duration,
    not_before: Moment,
}

#[derive(Debug)]
struct UnderWay {
    topic: String,
    large: bool,
}

impl<P> Default for Retained<P> {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            unsent: BTreeSet::new(),
            under_way: BTreeMap::new(),
            serial: 0,
            refused_topics: 0,
        }
    }
}

impl<P: AsRef<[u8]> + Clone + PartialEq> Retained<P> {
    /// The topic's value is this now, and is published at most once in `every`. Whether that is news.
    pub fn set(&mut self, topic: &str, payload: P, every: Duration) -> bool {
        self.put(Rank::Then, topic, payload, every)
    }

    /// As [`Retained::set`], and where others wait too it goes before them.
    pub fn set_first(&mut self, topic: &str, payload: P, every: Duration) -> bool {
        self.put(Rank::First, topic, payload, every)
    }

    fn put(&mut self, rank: Rank, topic: &str, payload: P, every: Duration) -> bool {
        let mut not_before = Moment::ZERO;
        match self.known.get(topic) {
            Some(known) if known.payload == payload => return false,
            Some(known) => {
                not_before = known.not_before;
                self.unsent.remove(&(known.rank, topic.to_owned()));
            }
            None if self.known.len() >= TOPICS => {
                self.refused_topics += 1;
                return false;
            }
            None => {}
        }
        self.serial += 1;
        self.known.insert(topic.to_owned(), Known { rank, payload, serial: self.serial, every, not_before });
        self.unsent.insert((rank, topic.to_owned()));
        true
    }

    /// The topic's value is to be sent, where it has one still.
    fn waits(&mut self, topic: String) {
        if let Some(known) = self.known.get(&topic) {
            self.unsent.insert((known.rank, topic));
        }
    }

    /// Whether a value was set and not cleared.
    pub fn has(&self, topic: &str) -> bool {
        self.known.get(topic).is_some_and(|known| !known.payload.as_ref().is_empty())
    }

    /// The topics that begin so.
    pub fn topics<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let from = self.known.range(prefix.to_owned()..);
        from.map(|(topic, _)| topic.as_str()).take_while(move |topic| topic.starts_with(prefix))
    }

    /// Someone who needs the values of the topics that begin so has just come.
    pub fn again(&mut self, prefix: &str) {
        let topics: Vec<String> = self.topics(prefix).map(str::to_owned).collect();
        topics.into_iter().for_each(|topic| self.waits(topic));
    }

    /// A connection was made. `kept`: the broker has kept the session.
    pub fn connected(&mut self, kept: bool) {
        self.disconnected();
        if !kept {
            self.unsent.extend(self.known.iter().map(|(topic, known)| (known.rank, topic.clone())));
        }
    }

    /// What is under way will not be answered.
    pub fn disconnected(&mut self) {
        let lost = std::mem::take(&mut self.under_way).into_values();
        lost.for_each(|lost| self.waits(lost.topic));
    }

    /// What may go out now. It is then under way.
    pub fn next(&mut self, now: Moment) -> Next<P> {
        if self.under_way.len() >= UNDER_WAY {
            return Next::Wait(None);
        }
        let large_under_way = self.under_way.values().any(|sent| sent.large);
        let (mut first, mut soonest) = (None, None::<Moment>);
        for (_, topic) in &self.unsent {
            let Some(known) = self.known.get(topic) else { continue };
            if known.not_before > now {
                soonest = Some(soonest.map_or(known.not_before, |at| at.min(known.not_before)));
            } else if !is_large(&known.payload) {
                first = Some(topic.clone());
                break;
            } else if first.is_none() && !large_under_way {
                first = Some(topic.clone());
            }
        }
        match first.and_then(|topic| self.send(topic, now)) {
            Some(value) => Next::Send(value),
            None => Next::Wait(soonest),
        }
    }

    fn send(&mut self, topic: String, now: Moment) -> Option<Value<P>> {
        let known = self.known.get_mut(&topic)?;
        self.unsent.remove(&(known.rank, topic.clone()));
        self.serial += 1;
        (known.serial, known.not_before) = (self.serial, now + known.every);
        let payload = known.payload.clone();
        self.under_way.insert(self.serial, UnderWay { topic: topic.clone(), large: is_large(&payload) });
        Some(Value { topic, payload, serial: self.serial })
    }

    /// The client did not take what [`Retained::next`] gave.
    pub fn not_taken(&mut self, serial: u64) {
        if let Some(sent) = self.under_way.remove(&serial) {
            self.waits(sent.topic);
        }
    }

    /// The broker's answer. The topic where it was refused: its value is tried again after a minute.
    pub fn answered(&mut self, serial: u64, taken: bool, now: Moment) -> Option<String> {
        let UnderWay { topic, .. } = self.under_way.remove(&serial)?;
        let known = self.known.get_mut(&topic)?;
        if !taken {
            known.not_before = now + REFUSED;
            self.unsent.insert((known.rank, topic.clone()));
            return Some(topic);
        }
        if known.serial == serial && known.payload.as_ref().is_empty() {
            self.unsent.remove(&(known.rank, topic.clone()));
            self.known.remove(&topic);
        }
        None
    }

    /// Values that were not taken because there are too many topics, since the start.
    pub fn refused_topics(&self) -> u64 {
        self.refused_topics
    }
}

fn is_large(payload: &impl AsRef<[u8]>) -> bool {
    payload.as_ref().len() > LARGE
}

#[cfg(test)]
mod tests;
