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
use super::player::{Player, SendError, write};
use super::request::{BadRequest, Message, Request, next_message};
use super::response::{Response, Status};
use super::sdp;
use super::server::House;
use super::session::{Decision, Session};
use super::source::{Due, wall_clock};

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
        let guard = Guard::new(house.login.clone(), random_text());
        let session = Session::new(guard, random_text(), house.session_timeout);
        Ok(Self { house, stream, local, peer, session, player: None, inbox: BytesMut::new() })
    }

    /// Serves the client until it leaves, errs, or `cut` says so.
    pub(super) async fn run(mut self, cut: CancellationToken) -> End {
        match self.serve(&cut).await {
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
        Ok(player.heard_from())
    }

    /// Answers what has arrived in full. Whether anything had.
    async fn answer_all(&mut self) -> Result<bool, End> {
        let mut heard = false;
        while let Some(message) = next_message(&mut self.inbox)? {
            heard = true;
            match message {
                Message::Request(request) => {
                    let response = self.carry_out(&request).await;
                    let (method, status) = (&request.method, response.status);
                    tracing::debug!(peer = %self.peer, method, ?status, "answered");
                    if status == Status::Unauthorized {
                        self.house.tally.unauthorized.add(1);
                    }
                    write(&mut self.stream, &response.encode(Some(request.cseq))).await?;
                }
                // A receiver report. It shows that the client lives; what it says is of no use here.
                Message::Interleaved { channel, packet } => {
                    tracing::trace!(peer = %self.peer, channel, bytes = packet.len(), "report");
                }
            }
        }
        Ok(heard)
    }

    async fn carry_out(&mut self, request: &Request) -> Response {
        let (house, host) = (&self.house, self.local.ip());
        let describe = |camera: &str| {
            let station = house.cameras.get(camera)?;
            Some(sdp::describe(camera, station.source.parameter_sets(), station.rate, host))
        };
        match self.session.decide(request, describe) {
            Decision::Answer(response) => response,
            Decision::SetUp { camera, transport } => {
                let made = match Player::new(transport, host, self.peer.ip()).await {
                    Ok(player) => player.server_ports().map(|ports| (player, ports)),
                    Err(error) => Err(error),
                };
                match made {
                    Ok((player, ports)) => {
                        let response = self.session.set_up(request, transport, ports, player.packetiser.ssrc());
                        self.player = Some((camera, player));
                        response
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no UDP ports for a player; free some");
                        Response::new(Status::InternalError)
                    }
                }
            }
            Decision::Play => match &mut self.player {
                Some((camera, player)) if let Some(station) = self.house.cameras.get(camera) => {
                    let response = self.session.play(&player.packetiser, wall_clock());
                    let feed = station.source.play();
                    if let Some((picture, wall)) = feed.begins_with() {
                        tracing::debug!(%camera, picture, wall_us = wall.0, "a player begins");
                    }
                    player.begin(feed);
                    self.house.tally.plays.add(1);
                    response
                }
                _ => Response::new(Status::InternalError),
            },
            Decision::Pause => {
                if let Some((_, player)) = &mut self.player {
                    player.pause();
                }
                self.session.pause()
            }
            Decision::TearDown => {
                self.player = None;
                self.session.tear_down()
            }
        }
    }
}

async fn next_picture(player: &mut Option<(String, Player)>) -> Result<Due, SendError> {
    match player {
        Some((_, player)) => player.next().await,
        None => std::future::pending().await,
    }
}

fn random_text() -> String {
    format!("{:032x}", rand::random::<u128>())
}
