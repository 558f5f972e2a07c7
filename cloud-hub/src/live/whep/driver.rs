//! The task that owns all sessions.
//!
//! One turn of its loop: wait for a command, a datagram, a picture or result from the bus, room in the socket, or a
//! session's deadline; apply it to the sessions it concerns; hand what they send to the kernel. It never waits for
//! anything else, but for a moment after the socket has failed, and no session is touched that has nothing to do.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

use omma_protocol::id::StreamId;
use omma_protocol::track::FrameResult;
use omma_protocol::unit::AccessUnit;
use omma_protocol::wire::browser::{BoxesMessage, BrowserToHub, HubToBrowser, Mode};
use str0m::Input as RtcInput;
use str0m::change::SdpOffer;
use str0m::net::{Protocol, Receive};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::deadlines::Deadlines;
use super::egress::Egress;
use super::group::{Cursor, Step};
use super::metrics::{KeyRequest, Metrics};
use super::session::{Happened, Input, Next, Session};
use super::socket::{Inbox, Socket};
use super::source::Source;
use super::{Command, JoinError, Joined, SessionId};
use crate::bus::{Bus, Item, Want, hub_clock};

/// A viewer who has not connected after this long will not.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// A viewer who catches up is sent this much at once, then again after [`PACE`]: 200 Mbit/s, so that a long group does
/// not overflow the buffers on its way.
const BURST_BYTES: usize = 128 * 1024;
const PACE: Duration = Duration::from_millis(5);
/// A group younger than this is sent again to a viewer who asks for a key picture. An older one would take the viewer
/// back in time for too long: its timestamps were all shown before.
const REPLAY_WITHIN: Duration = Duration::from_secs(1);
/// Requests for a key picture within this time after one was granted are the same request.
const KEY_REQUEST_EVERY: Duration = Duration::from_millis(500);
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
            turn: vec![],
            failures: 0,
        }
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
                (stream, item) = next_item(&mut self.sources) => self.item(&stream, item),
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
            tracing::error!(step = "live", %error, "the socket of live video is broken");
        } else {
            tracing::debug!(step = "live", %error, "the socket of live video failed to receive");
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
        self.sources.entry(stream.clone()).or_insert_with(subscribe).viewers.insert(id);
        let viewer = Viewer {
            session,
            stream,
            cursor: Cursor::START,
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

    fn picture(&mut self, stream: &StreamId, unit: &AccessUnit, arrived: Instant) {
        let Some(source) = self.sources.get_mut(stream) else { return };
        let now = Instant::now();
        let age = self.bus.stream_clock(stream, hub_clock()).since(unit.time);
        if let Err(reason) = source.picture(unit, now.checked_sub(age).unwrap_or(now), now) {
            self.end_stream(stream, reason);
            return;
        }
        let mut viewers = std::mem::take(&mut self.turn);
        viewers.extend(&source.viewers);
        let mut sent = false;
        for id in viewers.drain(..) {
            sent |= self.feed(id);
        }
        self.turn = viewers;
        if sent {
            self.metrics.step.observe(arrived.elapsed());
            self.metrics.step.done();
        }
    }

    fn result(&mut self, stream: &StreamId, result: &FrameResult) {
        let Some(source) = self.sources.get_mut(stream) else { return };
        let clock = self.bus.stream_clock(stream, hub_clock());
        source.result(result, clock, Instant::now());
        let late_us = clock.0.saturating_sub(result.time.0);
        let boxes = BoxesMessage::new(stream, result, late_us as f32 / 1e3);
        let Some(text) = to_json(&HubToBrowser::Boxes(boxes)) else { return };
        let mut viewers = std::mem::take(&mut self.turn);
        viewers.extend(&source.viewers);
        for id in viewers.drain(..) {
            if self.viewers.get(&id).is_some_and(|viewer| viewer.channel) {
                self.metrics.boxes.increment(1);
                self.apply(id, Input::Message(&text));
            }
        }
        self.turn = viewers;
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

    fn feed_all(&mut self) {
        self.flush();
        for id in self.viewers.keys().copied().collect::<Vec<_>>() {
            self.feed(id);
        }
    }

    /// Sends a viewer what it has not got yet. Returns whether that was anything.
    fn feed(&mut self, id: SessionId) -> bool {
        let (mut any, mut sent) = (false, 0);
        while !self.egress.congested() {
            let now = Instant::now();
            let Some(viewer) = self.viewers.get_mut(&id).filter(|v| v.session.connected()) else { return any };
            let Some(source) = self.sources.get(&viewer.stream) else { return any };
            if sent >= BURST_BYTES {
                if source.group.has(viewer.cursor) {
                    self.deadlines.set(id, now + PACE);
                }
                return any;
            }
            let packets = match source.group.step(&mut viewer.cursor) {
                Step::Send(packets) => packets,
                Step::Skipped => {
                    self.metrics.skips.increment(1);
                    self.metrics.step.dropped("slow");
                    continue;
                }
                Step::Wait => return any,
            };
            if viewer.shown.is_none() {
                viewer.shown = Some(now);
                self.metrics.join.record(now.saturating_duration_since(viewer.joined));
            }
            let playout = if viewer.mode == Mode::Exact { source.delay() } else { Duration::ZERO };
            sent += packets.bytes;
            any = true;
            self.metrics.pictures.increment(1);
            self.metrics.packets.increment(packets.payloads.len() as u64);
            self.apply(id, Input::Picture { packets: &packets, playout });
            self.flush();
        }
        any
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

    fn key_picture_wanted(&mut self, id: SessionId) {
        let now = Instant::now();
        let Some(viewer) = self.viewers.get_mut(&id) else { return };
        let Some(source) = self.sources.get(&viewer.stream) else { return };
        let recent = |at: Option<Instant>| at.is_some_and(|at| now.saturating_duration_since(at) < KEY_REQUEST_EVERY);
        if viewer.shown.is_none() || recent(viewer.shown) || recent(viewer.key_granted) {
            self.metrics.key_request(KeyRequest::Ignored);
        } else if source.age(now).is_some_and(|age| age < REPLAY_WITHIN) {
            (viewer.cursor, viewer.key_granted) = (Cursor::START, Some(now));
            self.metrics.key_request(KeyRequest::Replayed);
            self.feed(id);
        } else {
            (viewer.cursor, viewer.key_granted) = (Cursor::Seeking { from: source.group.end() }, Some(now));
            self.metrics.key_request(KeyRequest::Waits);
        }
    }

    fn said(&mut self, id: SessionId, text: &str) {
        let Some(viewer) = self.viewers.get_mut(&id) else { return };
        match serde_json::from_str(text) {
            Ok(BrowserToHub::Clock { id: question }) => {
                let stream_us = self.bus.stream_clock(&viewer.stream, hub_clock()).0;
                self.tell(id, &HubToBrowser::Clock { id: question, stream_us });
            }
            Ok(BrowserToHub::Mode { mode }) => {
                viewer.mode = mode;
                self.tell_mode(id);
            }
            Ok(BrowserToHub::Auth { .. } | BrowserToHub::Watch { .. }) => {
                let reason = "`auth` and `watch` belong on the WebSocket, not on a data channel".to_owned();
                self.tell(id, &HubToBrowser::Error { reason });
            }
            Err(error) => self.tell(id, &HubToBrowser::Error { reason: format!("not understood: {error}") }),
        }
    }

    fn tell_mode(&mut self, id: SessionId) {
        let Some(viewer) = self.viewers.get(&id) else { return };
        let (delay, hold) = match (viewer.mode, self.sources.get(&viewer.stream)) {
            (Mode::Exact, Some(source)) => (source.delay(), source.hold()),
            _ => (Duration::ZERO, Duration::ZERO),
        };
        let (delay_ms, hold_ms) = (delay.as_millis() as u32, hold.as_millis() as u32);
        let message = HubToBrowser::Mode { mode: viewer.mode, delay_ms, hold_ms };
        self.tell(id, &message);
    }

    fn tell(&mut self, id: SessionId, message: &HubToBrowser) {
        if let Some(text) = to_json(message) {
            self.apply(id, Input::Message(&text));
        }
    }

    fn flush(&mut self) {
        let failed = self.socket.flush(&mut self.egress);
        let dropped = self.egress.take_dropped() + failed;
        if dropped > 0 {
            self.metrics.datagrams_dropped.increment(dropped);
        }
    }
}

/// The next unit or result of any stream. Cancelling loses nothing.
async fn next_item(sources: &mut BTreeMap<StreamId, Source>) -> (StreamId, Option<Item>) {
    poll_fn(|cx| {
        for (id, source) in sources.iter_mut() {
            if let Poll::Ready(item) = source.subscription.poll_next(cx) {
                return Poll::Ready((id.clone(), item));
            }
        }
        Poll::Pending
    })
    .await
}

/// Our own types always have a JSON form; a failure would be a fault of the program, seen by its tests.
fn to_json(message: &HubToBrowser) -> Option<String> {
    serde_json::to_string(message)
        .inspect_err(|error| tracing::error!(step = "live", %error, "a message to a browser can't be written"))
        .ok()
}
