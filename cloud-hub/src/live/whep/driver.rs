//! The task that owns all sessions.
//!
//! One turn of its loop: wait for a command, a datagram, a picture or result from the bus, room in the socket, or a
//! session's deadline; apply it to the sessions it concerns; hand what they send to the kernel. It never waits for
//! anything else, but for a moment after the socket has failed, and no session is touched that has nothing to do.

mod pictures;

mod talk;

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::ops::Bound;
use std::task::Poll;
use std::time::{Duration, Instant};

use omma_protocol::id::StreamId;
use omma_protocol::wire::browser::{HubToBrowser, Mode};
use str0m::Input as RtcInput;
use str0m::change::SdpOffer;
use str0m::net::{Protocol, Receive};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::talk::to_json;
use super::deadlines::Deadlines;
use super::egress::Egress;
use super::group::Cursor;
use super::metrics::Metrics;
use super::session::{Happened, Input, Next, Session};
use super::socket::{Inbox, Socket};
use super::source::Source;
use super::{Command, JoinError, Joined, SessionId};
use crate::bus::{Bus, Item, Want};

/// A viewer who has not connected after this long will not.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
const TICK: Duration = Duration::from_secs(1);
/// How long the driver rests after the socket failed to receive: what is wrong may pass.
const RECEIVE_PAUSE: Duration = Duration::from_millis(10);
/// After so many failures in a row, with nothing received between, the socket is broken: five seconds.
const RECEIVE_FAILURES: u32 = 500;

pub(super) struct Driver {
    socket: Socket,
    bus: Bus,
    max_sessions: usize,
    egress: Egress,
    sources: BTreeMap<StreamId, Source>,
    viewers: HashMap<SessionId, Viewer>,
    addresses: HashMap<SocketAddr, SessionId>,
    deadlines: Deadlines<SessionId>,
    metrics: Metrics,
    happened: Vec<Happened>,
    /// The stream whose picture or result was taken last.
    served: Option<StreamId>,
    /// Where in their order viewers are fed from next.
    first_fed: usize,
    /// The viewers that a picture or result goes to, kept for its memory.
    turn: Vec<SessionId>,
    /// How often in a row the socket failed to receive.
    failures: u32,
}

struct Viewer {
    session: Session,
    stream: StreamId,
    cursor: Cursor,
    mode: Mode,
    channel: bool,
    joined: Instant,
    /// When the first picture was sent.
    shown: Option<Instant>,
    key_granted: Option<Instant>,
}

impl Driver {
    pub(super) fn new(socket: Socket, bus: Bus, max_sessions: usize) -> Self {
        let egress = Egress::new(socket.max_segments());
        Self {
            socket,
            bus,
            max_sessions,
            egress,
            sources: BTreeMap::new(),
            viewers: HashMap::new(),
            addresses: HashMap::new(),
            deadlines: Deadlines::default(),
            metrics: Metrics::new(),
            happened: vec![],
            served: None,
            first_fed: 0,
            turn: vec![],
            failures: 0,
        }
    }

    /// The span to run it in.
    pub(super) fn span(&self) -> tracing::Span {
        self.metrics.step.span()
    }

    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>, token: CancellationToken) {
        let mut inbox = Inbox::default();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // With no session there is no deadline; any far one will do.
            let wake = self.deadlines.next().unwrap_or_else(|| Instant::now() + TICK);
            tokio::select! {
                () = token.cancelled() => break,
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                received = self.socket.receive(&mut inbox) => match received {
                    Ok(()) => {
                        self.failures = 0;
                        self.datagrams(&inbox);
                    }
                    Err(error) if self.is_broken(&error) => break,
                    Err(_) => sleep(RECEIVE_PAUSE).await,
                },
                (stream, item) = next_item(&mut self.sources, self.served.as_ref()) => {
                    self.item(&stream, item);
                    self.served = Some(stream);
                }
                _ = self.socket.writable(), if !self.egress.is_empty() => self.feed_all(),
                () = sleep_until(wake.into()) => self.wake(),
                _ = tick.tick() => self.tick(),
            }
            self.flush();
        }
        for id in self.viewers.keys().copied().collect::<Vec<_>>() {
            self.apply(id, Input::Close);
        }
        self.flush();
    }

    /// Whether the socket has failed for good.
    fn is_broken(&mut self, error: &io::Error) -> bool {
        self.metrics.receive_failures.increment(1);
        self.failures += 1;
        let broken = self.failures >= RECEIVE_FAILURES;
        if broken {
            tracing::error!(%error, "the socket of live video is broken");
        } else {
            tracing::debug!(%error, "the socket of live video failed to receive");
        }
        broken
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Join { stream, offer, mode, reply } => {
                let joined = self.join(stream, offer, mode);
                let id = joined.as_ref().map(|j| j.id).ok();
                if reply.send(joined).is_err()
                    && let Some(id) = id
                {
                    // The request was given up while it waited.
                    self.remove(id, "nobody waits for the answer");
                }
            }
            Command::Leave { stream, id, reply } => {
                let known = self.viewers.get(&id).is_some_and(|viewer| viewer.stream == stream);
                if known {
                    self.apply(id, Input::Close);
                    self.remove(id, "left");
                }
                if reply.send(known).is_err() {
                    tracing::trace!("nobody waits to hear that a viewer left");
                }
            }
        }
    }

    fn join(&mut self, stream: StreamId, offer: SdpOffer, mode: Mode) -> Result<Joined, JoinError> {
        if self.viewers.len() >= self.max_sessions {
            return Err(JoinError::Full(self.max_sessions));
        }
        let now = Instant::now();
        let (session, answer) = Session::new(offer, self.socket.announced(), rand::random(), now)?;
        let id = SessionId(Uuid::new_v4());
        let subscribe = || Source::new(self.bus.subscribe(&stream, Want::BOTH));
        let source = self.sources.entry(stream.clone()).or_insert_with(subscribe);
        source.viewers.insert(id);
        let viewer = Viewer {
            session,
            stream,
            cursor: source.start(now),
            mode,
            channel: false,
            joined: now,
            shown: None,
            key_granted: None,
        };
        tracing::debug!(session = %id, stream = %viewer.stream, "a viewer joins");
        self.viewers.insert(id, viewer);
        self.deadlines.set(id, now);
        self.metrics.sessions.set(self.viewers.len() as f64);
        Ok(Joined { id, answer })
    }

    fn remove(&mut self, id: SessionId, why: &str) {
        let Some(viewer) = self.viewers.remove(&id) else { return };
        tracing::debug!(session = %id, stream = %viewer.stream, why, "a viewer is gone");
        self.deadlines.remove(id);
        self.addresses.retain(|_, session| *session != id);
        if let Some(source) = self.sources.get_mut(&viewer.stream) {
            source.viewers.remove(&id);
            if source.viewers.is_empty() {
                self.sources.remove(&viewer.stream);
            }
        }
        self.metrics.sessions.set(self.viewers.len() as f64);
    }

    fn datagrams(&mut self, inbox: &Inbox) {
        for datagram in inbox.datagrams() {
            let to = self.socket.known_as(datagram.to, datagram.from);
            let Ok(receive) = Receive::new(Protocol::Udp, datagram.from, to, datagram.bytes) else {
                self.metrics.datagrams_ignored.increment(1);
                continue;
            };
            let input = RtcInput::Receive(Instant::now(), receive);
            let Some(id) = self.whose(datagram.from, &input) else {
                self.metrics.datagrams_ignored.increment(1);
                continue;
            };
            self.apply(id, Input::Network(input));
        }
    }

    /// By source address, else, for a viewer who is new or has moved, by asking every session.
    fn whose(&mut self, from: SocketAddr, input: &RtcInput<'_>) -> Option<SessionId> {
        let accepts = |id: &SessionId| self.viewers.get(id).is_some_and(|v| v.session.accepts(input));
        if let Some(id) = self.addresses.get(&from).filter(|id| accepts(id)) {
            return Some(*id);
        }
        let id = *self.viewers.keys().find(|id| accepts(id))?;
        self.addresses.insert(from, id);
        Some(id)
    }

    fn item(&mut self, stream: &StreamId, item: Option<Item>) {
        match item {
            Some(Item::Unit { unit, arrived }) => self.picture(stream, &unit, arrived),
            Some(Item::Result(result)) => self.result(stream, &result),
            None => self.end_stream(stream, "the camera was removed"),
        }
    }

    fn end_stream(&mut self, stream: &StreamId, reason: &str) {
        let Some(source) = self.sources.get(stream) else { return };
        let text = to_json(&HubToBrowser::Error { reason: reason.to_owned() });
        for id in source.viewers.clone() {
            if let Some(text) = &text {
                self.apply(id, Input::Message(text));
            }
            self.apply(id, Input::Close);
            self.remove(id, reason);
        }
    }

    fn wake(&mut self) {
        while let Some(id) = self.deadlines.pop_due(Instant::now()) {
            self.apply(id, Input::Wake);
            self.feed(id);
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let never = |v: &Viewer| !v.session.connected() && now.saturating_duration_since(v.joined) > CONNECT_WITHIN;
        let lost: Vec<_> = self.viewers.iter().filter(|(_, v)| never(v)).map(|(id, _)| *id).collect();
        for id in lost {
            self.remove(id, "it never connected");
        }
        let changed: Vec<_> = self
            .sources
            .values_mut()
            .filter_map(|source| source.update().then(|| source.viewers.clone()))
            .flatten()
            .collect();
        for id in changed {
            if self.viewers.get(&id).is_some_and(|v| v.mode == Mode::Exact) {
                self.tell_mode(id);
            }
        }
    }

    /// Applies one input to one session and does what follows from it.
    fn apply(&mut self, id: SessionId, input: Input<'_>) {
        let Some(viewer) = self.viewers.get_mut(&id) else { return };
        let mut happened = std::mem::take(&mut self.happened);
        let next = viewer.session.apply(Instant::now(), input, &mut self.egress, &mut happened);
        match next {
            Next::WakeAt(at) => self.deadlines.set(id, at),
            Next::Gone(why) => self.remove(id, &why),
        }
        for what in happened.drain(..) {
            match what {
                Happened::Connected => {
                    self.feed(id);
                }
                Happened::ChannelOpen => {
                    if let Some(viewer) = self.viewers.get_mut(&id) {
                        viewer.channel = true;
                    }
                    self.tell_mode(id);
                }
                Happened::KeyPictureWanted => self.key_picture_wanted(id),
                Happened::Said(text) => self.said(id, &text),
                Happened::MessageDropped => self.metrics.boxes_dropped.increment(1),
            }
        }
        self.happened = happened;
    }

    fn flush(&mut self) {
        let failed = self.socket.flush(&mut self.egress);
        let dropped = self.egress.take_dropped() + failed;
        if dropped > 0 {
            self.metrics.datagrams_dropped.increment(dropped);
        }
    }
}

/// The next unit or result of any stream, in turn: those behind the one that was `served` last come first, so that one
/// that always has something keeps no other waiting. Cancelling loses nothing.
async fn next_item(sources: &mut BTreeMap<StreamId, Source>, served: Option<&StreamId>) -> (StreamId, Option<Item>) {
    poll_fn(|cx| {
        let behind = served.map_or(Bound::Unbounded, Bound::Excluded);
        for from in [behind, Bound::Unbounded] {
            for (id, source) in sources.range_mut::<StreamId, _>((from, Bound::Unbounded)) {
                if let Poll::Ready(item) = source.subscription.poll_next(cx) {
                    return Poll::Ready((id.clone(), item));
                }
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests;
