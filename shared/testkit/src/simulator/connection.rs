//! One client's connection: reads its requests, does what its session decides, sends its player's pictures. Its one
//! task owns all of it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::auth::Guard;
use super::dialogue::Dialogue;
use super::player::{Player, SendError, write};
use super::quirk::Quirk;
use super::request::{BadRequest, Message, Request, next_message};
use super::response::{Response, Status};
use super::sdp;
use super::server::House;
use super::session::{Decision, Session};
use super::source::{Due, wall_clock};
use super::transport::Transport;

/// Pictures that are sent before PLAY is answered, where the camera is so hasty.
const EARLY: u32 = 2;

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("the client closed it")]
    Closed,
    #[error("it was cut from here")]
    Cut,
    #[error("the client kept silent past the session's time-out")]
    Silent,
    #[error("the client sent what is no RTSP: {0}")]
    Garbage(#[from] BadRequest),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("connection: {0}")]
    Io(#[from] io::Error),
}

/// See the module.
pub(super) struct Connection {
    house: Arc<House>,
    stream: TcpStream,
    local: SocketAddr,
    peer: SocketAddr,
    session: Session,
    /// The camera's name and its player, from SETUP on.
    player: Option<(String, Player)>,
    inbox: BytesMut,
}

enum Event {
    Received,
    Due(Due),
}

impl Connection {
    pub(super) fn new(house: Arc<House>, stream: TcpStream, peer: SocketAddr) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let guard = Guard::new(house.login.clone(), random_text()).with_quirks(house.quirks.clone());
        let heard = house.dialogue.as_ref();
        let id = heard.and_then(Dialogue::session_id).map_or_else(random_text, str::to_owned);
        let only = heard.and_then(|_| house.cameras.keys().next().cloned());
        let session = Session::new(guard, id, house.session_timeout).with_quirks(house.quirks.clone()).with_only(only);
        Ok(Self { house, stream, local, peer, session, player: None, inbox: BytesMut::new() })
    }

    /// Serves the client until it leaves, errs, or `cut` says so.
    pub(super) async fn run(mut self, cut: CancellationToken) -> End {
        let ended = self.serve(&cut).await;
        self.house.seat().abandon(self.session.id(), Instant::now() + self.house.session_timeout);
        match ended {
            Ok(never) => match never {},
            Err(end) => {
                if matches!(end, End::Garbage(_)) {
                    // The client may be gone already; then there is nobody to tell.
                    write(&mut self.stream, &Response::new(Status::BadRequest).encode(None)).await.ok();
                }
                end
            }
        }
    }

    async fn serve(&mut self, cut: &CancellationToken) -> Result<std::convert::Infallible, End> {
        let mut deadline = Instant::now() + self.house.session_timeout;
        loop {
            if self.is_gone() {
                cut.cancelled().await;
                return Err(End::Cut);
            }
            if self.is_in_mid_stream() && self.house.quirks.has(Quirk::Reboots) {
                self.house.reboot();
            }
            let event = tokio::select! {
                () = cut.cancelled() => return Err(End::Cut),
                () = sleep_until(deadline) => return Err(End::Silent),
                read = self.stream.read_buf(&mut self.inbox) => match read? {
                    0 => return Err(End::Closed),
                    _ => Event::Received,
                },
                due = next_picture(&mut self.player) => Event::Due(due?),
            };
            let heard = match event {
                Event::Received => self.answer_all().await?,
                Event::Due(due) => self.send(&due).await?,
            };
            if heard {
                deadline = Instant::now() + self.house.session_timeout;
            }
        }
    }

    async fn send(&mut self, due: &Due) -> Result<bool, End> {
        let Some((_, player)) = &mut self.player else { return Ok(false) };
        player.send(due, &mut self.stream).await?;
        self.house.tally.pictures.add(1);
        let heard = player.heard_from();
        self.change_size();
        Ok(heard)
    }

    /// Whether the camera has lost its power.
    fn is_gone(&self) -> bool {
        self.is_in_mid_stream() && self.house.quirks.has(Quirk::HalfOpen)
    }

    fn is_in_mid_stream(&self) -> bool {
        self.player.as_ref().is_some_and(|(_, player)| player.is_in_mid_stream())
    }

    /// Goes on with pictures of another size, once.
    fn change_size(&mut self) {
        if let Some((camera, player)) = &mut self.player
            && player.is_in_mid_stream()
            && player.shows_the_first()
            && let Some(other) = self.house.cameras.get(&*camera).and_then(|station| station.other_size.as_ref())
        {
            player.switch(other.play());
        }
    }

    /// Answers what has arrived in full. Whether it shows that the client lives: what lacks the password does not.
    async fn answer_all(&mut self) -> Result<bool, End> {
        let mut heard = false;
        while let Some(message) = next_message(&mut self.inbox)? {
            match message {
                Message::Request(request) => {
                    let Some(response) = self.carry_out(&request).await else {
                        heard = true;
                        continue;
                    };
                    let (method, status) = (&request.method, response.status);
                    tracing::debug!(peer = %self.peer, method, ?status, "answered");
                    if method == "SET_PARAMETER" && status == Status::Ok {
                        self.house.tally.set_parameters.add(1);
                    }
                    if status == Status::Unauthorized {
                        self.house.tally.unauthorized.add(1);
                    } else {
                        heard = true;
                    }
                    let heard = self.house.dialogue.filter(|_| status == Status::Ok);
                    let response = response.padded(self.house.quirks.has(Quirk::PaddedHeaders));
                    let answer = heard
                        .and_then(|heard| heard.answer(method, request.cseq))
                        .unwrap_or_else(|| response.encode(Some(request.cseq)));
                    write(&mut self.stream, &answer).await?;
                }
                // A receiver report. It shows that the client lives; what it says is of no use here.
                Message::Interleaved { channel, packet } => {
                    heard = true;
                    tracing::trace!(peer = %self.peer, channel, bytes = packet.len(), "report");
                }
            }
        }
        Ok(heard)
    }

    /// `None` where nothing is answered.
    async fn carry_out(&mut self, request: &Request) -> Option<Response> {
        let (house, host) = (&self.house, self.local.ip());
        let describe = |camera: &str| {
            let station = house.cameras.get(camera)?;
            Some(sdp::describe(camera, station.source.parameter_sets(), station.rate, host, &house.quirks))
        };
        Some(match self.session.decide(request, describe) {
            Decision::Answer(response) => response,
            Decision::Ignore => return None,
            Decision::SetUp { camera, transport } => self.set_up(request, camera, transport).await,
            Decision::Play => match self.play().await {
                Ok(response) => response,
                Err(error) => {
                    tracing::info!(%error, "pictures could not be sent before the answer");
                    Response::new(Status::InternalError)
                }
            },
            Decision::Pause => {
                if let Some((_, player)) = &mut self.player {
                    player.pause();
                }
                self.session.pause()
            }
            Decision::TearDown => {
                if self.player.take().is_some() {
                    self.house.tally.teardowns.add(1);
                }
                self.house.seat().leave(self.session.id());
                self.session.tear_down()
            }
            Decision::TearDownOther(id) => {
                if self.house.seat().leave(&id) {
                    self.house.tally.teardowns.add(1);
                    Response::ok()
                } else {
                    Response::new(Status::SessionNotFound)
                }
            }
        })
    }

    async fn set_up(&mut self, request: &Request, camera: String, transport: Transport) -> Response {
        let quirks = &self.house.quirks;
        if quirks.has(Quirk::OneSession) && !self.house.seat().take(self.session.id(), Instant::now()) {
            self.house.tally.busy.add(1);
            return Response::new(Status::NotEnoughBandwidth);
        }
        let made = match Player::new(transport, self.local.ip(), self.peer.ip(), quirks).await {
            Ok(player) => player.server_ports().map(|ports| (player, ports)),
            Err(error) => Err(error),
        };
        match made {
            Ok((mut player, ports)) => {
                if let Some(heard) = &self.house.dialogue {
                    player.packetiser.begin_as(heard.ssrc(), heard.sequence());
                }
                let response = self.session.set_up(request, transport, ports, player.packetiser.ssrc());
                if self.player.replace((camera, player)).is_none() {
                    self.house.tally.sessions.add(1);
                }
                response
            }
            Err(error) => {
                tracing::warn!(%error, "no UDP ports for a player; free some");
                Response::new(Status::InternalError)
            }
        }
    }

    async fn play(&mut self) -> Result<Response, SendError> {
        let Some((camera, player)) = &mut self.player else { return Ok(Response::new(Status::InternalError)) };
        let Some(station) = self.house.cameras.get(&*camera) else { return Ok(Response::new(Status::InternalError)) };
        let response = self.session.play(&player.packetiser, wall_clock());
        let feed = station.source.play();
        if let Some((picture, wall)) = feed.begins_with() {
            tracing::debug!(%camera, picture, wall_us = wall.0, "a player begins");
        }
        player.begin(feed);
        self.house.tally.plays.add(1);
        if self.house.quirks.has(Quirk::RtpBeforePlay) {
            for _ in 0..EARLY {
                let due = player.next().await?;
                player.send(&due, &mut self.stream).await?;
            }
        }
        Ok(response)
    }
}

async fn next_picture(player: &mut Option<(String, Player)>) -> Result<Due, SendError> {
    match player {
        Some((_, player)) => player.next().await,
        None => std::future::pending().await,
    }
}

/// What nobody guesses.
pub(super) fn random_text() -> String {
    format!("{:032x}", rand::random::<u128>())
}
