//! Stands between retina and a camera that it refuses, and puts right what [`edge_core::interpreter`] names.
//!
//! ```text
//!   retina ⇄ a port of this machine ⇄ interpreter ⇄ camera
//! ```
//!
//! 1. [`open`] connects to the camera, and gives the URL that retina is to take in its place, and a token.
//! 2. One connection is let in, and only from who shows the token in each request: retina does, as its user agent. Who comes
//!    first and does not show it keeps nobody out.
//! 3. Requests get the camera's own URL and are signed here: Digest covers the URL (RFC 7616 §3.4), and retina knows
//!    another one.
//! 4. When either side closes, so does the other. What happened, where retina can't see that, is left in [`fault`].
//! 5. The session that the camera still has is ended ([`farewell`]): retina is told to leave that to this.
//!
//! Nothing waits here: what is read is written before more is read. Where one side does not take it, the other is not
//! read, as if there were nothing in between.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use edge_core::doctor::report::Way;
use edge_core::interpreter::conversation::{Answer, Conversation, UNAUTHORIZED};
use edge_core::interpreter::framing::{Piece, Pieces};
use edge_core::interpreter::head::Head;
use edge_core::interpreter::packet::Sequences;
use edge_core::interpreter::{Mend, Mends, mend};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use url::{Position, Url};

use crate::AGENT;
use crate::source::error::SourceError;
use crate::source::url::CameraUrl;
use fault::{Fault, Finds, Flaw, Leaves};
use login::Login;

pub mod login;

pub(in crate::source) mod fault;

mod farewell;

/// How long retina has to come and to show the token.
const COMES: Duration = Duration::from_secs(2);
/// How long either side has to take what is written to it.
const TAKES: Duration = Duration::from_secs(10);
/// Free space to read into, bytes.
const READ: usize = 32 << 10;
const RTSP_PORT: u16 = 554;

/// Where retina is to go in place of the camera.
pub(super) struct Door {
    /// Path and query are the camera's.
    pub(super) url: Url,
    /// What it shows as its user agent.
    pub(super) token: String,
    /// What it can't see.
    pub(super) finds: Finds,
}

/// Connects to the camera at `at`, and waits for retina. The task, one of `tasks`, outlives the connection until the camera's
/// session is ended.
///
/// # Errors
/// When there is no connection. The caller limits the time.
pub(super) async fn open(
    camera: &CameraUrl,
    at: &Url,
    mends: Mends,
    way: Way,
    tasks: &TaskTracker,
) -> Result<Door, SourceError> {
    let host = at.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let unreachable = |e: io::Error| SourceError::Unreachable(e.to_string());
    let stream = TcpStream::connect((host, at.port().unwrap_or(RTSP_PORT))).await.map_err(unreachable)?;
    let failed = |e: io::Error| SourceError::from(Fault::NotEntered(e.to_string()));
    let (local, peer) = (stream.local_addr().map_err(failed)?, stream.peer_addr().map_err(failed)?);
    let listener = TcpListener::bind(SocketAddr::new(inside(local.ip(), way), 0)).await.map_err(failed)?;
    let inner = listener.local_addr().map_err(failed)?;
    let mut url = at.clone();
    let no_url = |()| SourceError::from(Fault::NotUnderstood);
    url.set_ip_host(inner.ip()).and_then(|()| url.set_port(Some(inner.port()))).map_err(no_url)?;
    let token = format!("{:032x}", rand::random::<u128>());
    let (leaves, finds) = fault::channel();
    let interpreter = Interpreter {
        camera: at[..Position::BeforePath].to_owned(),
        inner: url[..Position::BeforePath].to_owned(),
        token: token.clone(),
        peer,
        way,
        mends,
        login: Login::new(camera.credentials().cloned()),
        conversation: Conversation::default(),
        sequences: Sequences::default(),
        leaves,
    };
    tasks.spawn(interpreter.run(listener, stream));
    Ok(Door { url, token, finds })
}

/// Where to wait for retina: it receives datagrams at the address by which it came, which must be one that the camera
/// reaches. An address of this machine as the sender's can't come from the network.
fn inside(local: IpAddr, way: Way) -> IpAddr {
    match (way, local) {
        (Way::Udp, local) => local,
        (Way::Tcp, IpAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
        (Way::Tcp, IpAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
    }
}

struct Interpreter {
    /// Scheme, host and port as the camera knows them.
    camera: String,
    /// And as retina does.
    inner: String,
    token: String,
    peer: SocketAddr,
    way: Way,
    mends: Mends,
    login: Login,
    conversation: Conversation,
    sequences: Sequences,
    leaves: Leaves,
}

/// Whose end is both sides' end, and what of it is to be told.
enum End {
    Player(Option<Fault>),
    Camera(Option<Fault>),
}

impl Interpreter {
    async fn run(mut self, listener: TcpListener, mut camera: TcpStream) {
        let mut to_camera = BytesMut::new();
        let entered = match timeout(COMES, self.let_in(&listener, &mut to_camera)).await {
            Ok(entered) => entered,
            Err(_) => Err(io::Error::other(format!("nothing came within {} s", COMES.as_secs()))),
        };
        let (mut player, asked) = match entered {
            Ok(entered) => entered,
            // Told while the port is still open.
            Err(e) => return self.leaves.fault(Fault::NotEntered(e.to_string())),
        };
        drop(listener);
        let mut answered = Pieces::default();
        let end = self.relay(&mut player, asked, &mut camera, &mut answered, to_camera).await;
        let (usable, fault) = match end {
            End::Player(fault) => (true, fault),
            End::Camera(fault) => (false, fault),
        };
        // Told while the player's connection is still open.
        if let Some(fault) = fault {
            self.leaves.fault(fault);
        }
        drop(player);
        self.leave(usable.then_some((camera, answered))).await;
    }

    async fn relay(
        &mut self,
        player: &mut TcpStream,
        mut asked: Pieces,
        camera: &mut TcpStream,
        answered: &mut Pieces,
        mut to_camera: BytesMut,
    ) -> End {
        let mut to_player = BytesMut::new();
        for stream in [&*player, &*camera] {
            if let Err(e) = stream.set_nodelay(true) {
                tracing::debug!(error = %e, "packets may wait for one another");
            }
        }
        let mut too_long = false;
        loop {
            while let Some(piece) = asked.next_piece() {
                if self.ask(piece, &mut to_camera).is_err() {
                    return End::Player(Some(Fault::NotUnderstood));
                }
            }
            while let Some(piece) = answered.next_piece() {
                self.answer(piece, &mut to_player, &mut to_camera);
            }
            if answered.is_too_long() && !std::mem::replace(&mut too_long, true) {
                self.leaves.flaw(Flaw::TooLong);
            }
            if let Err(e) = write(camera, &mut to_camera).await {
                return End::Camera(Some(Fault::Broken(e.to_string())));
            }
            match write(player, &mut to_player).await {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::TimedOut => {
                    return End::Player(Some(Fault::NotTaken(TAKES.as_secs())));
                }
                // It has gone.
                Err(_) => return End::Player(None),
            }
            tokio::select! {
                read = read_more(player, &mut asked) => if !matches!(read, Ok(1..)) { return End::Player(None) },
                read = read_more(camera, answered) => match read {
                    Ok(1..) => {}
                    Ok(0) => return End::Camera(None),
                    Err(e) => return End::Camera(Some(Fault::Broken(e.to_string()))),
                },
            }
        }
    }

    /// The first from this machine who shows the token; its request is ready for the camera. Of those who have shown nothing
    /// yet only the last is kept.
    async fn let_in(&mut self, listener: &TcpListener, to_camera: &mut BytesMut) -> io::Result<(TcpStream, Pieces)> {
        let mut guest: Option<(TcpStream, Pieces)> = None;
        loop {
            let read = async {
                match &mut guest {
                    Some((stream, pieces)) => read_more(stream, pieces).await,
                    None => std::future::pending().await,
                }
            };
            let read = tokio::select! {
                accepted = listener.accept() => {
                    let (stream, from) = accepted?;
                    if from.ip() == stream.local_addr()?.ip() {
                        guest = Some((stream, Pieces::default()));
                    }
                    continue;
                }
                read = read => read,
            };
            let Some((stream, mut pieces)) = guest.take().filter(|_| matches!(read, Ok(1..))) else { continue };
            match pieces.next_piece().map(|piece| self.ask(piece, to_camera)) {
                None => guest = Some((stream, pieces)),
                Some(Ok(())) => return Ok((stream, pieces)),
                Some(Err(_)) => {}
            }
        }
    }

    fn ask(&mut self, piece: Piece, to_camera: &mut BytesMut) -> io::Result<()> {
        let Piece::Message { mut head, body } = piece else { return Err(io::ErrorKind::InvalidData.into()) };
        if head.value(USER_AGENT) != Some(self.token.as_str()) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        head.edit(USER_AGENT, |_| Some(AGENT.to_owned()));
        if let Some((method, uri)) = head.request()
            && let Some(rest) =
                uri.strip_prefix(&self.inner).filter(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        {
            head.set_first(&format!("{method} {}{rest} RTSP/1.0", self.camera));
        }
        self.conversation.ask(&mut head);
        self.sign(head, to_camera);
        to_camera.extend_from_slice(&body);
        Ok(())
    }

    fn answer(&mut self, piece: Piece, to_player: &mut BytesMut, to_camera: &mut BytesMut) {
        match piece {
            Piece::Through(bytes) => to_player.extend_from_slice(&bytes),
            Piece::Packet(mut packet) => {
                if !self.mends.has(Mend::EmptyPackets) || self.sequences.admit(&mut packet) {
                    to_player.extend_from_slice(&packet);
                }
            }
            Piece::Message { mut head, mut body } => {
                if self.hear(&mut head, to_camera) {
                    mend(&mut head, &mut body, self.mends, Some(self.peer.ip()));
                    to_player.extend_from_slice(&head.bytes());
                    to_player.extend_from_slice(&body);
                }
            }
        }
    }

    /// Whether an answer is for the player. One that is not is answered by itself.
    fn hear(&mut self, answer: &mut Head, to_camera: &mut BytesMut) -> bool {
        let can_sign = answer.status() == Some(UNAUTHORIZED) && self.challenged(answer);
        match self.conversation.answer(answer, can_sign) {
            Answer::Pass => true,
            Answer::Sign(request) => {
                self.sign(request, to_camera);
                false
            }
        }
    }

    fn challenged(&mut self, answer: &Head) -> bool {
        let signs = self.login.challenged(answer);
        if let Err(why) = &signs {
            self.leaves.flaw(Flaw::Unsigned(why.clone()));
        }
        signs.unwrap_or(false)
    }

    fn sign(&mut self, mut request: Head, to_camera: &mut BytesMut) {
        if let Err(why) = self.login.sign(&mut request) {
            self.leaves.flaw(Flaw::Unsigned(why));
        }
        to_camera.extend_from_slice(&request.bytes());
    }
}

const USER_AGENT: &str = "User-Agent";

/// Giving up the wait loses nothing.
async fn read_more(stream: &mut TcpStream, pieces: &mut Pieces) -> io::Result<usize> {
    let buffer = pieces.buffer();
    buffer.reserve(READ);
    stream.read_buf(buffer).await
}

async fn write(stream: &mut TcpStream, bytes: &mut BytesMut) -> io::Result<()> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("nothing was taken for {} s", TAKES.as_secs()));
    timeout(TAKES, stream.write_all_buf(bytes)).await.unwrap_or_else(|_| Err(late()))
}

#[cfg(test)]
mod tests;
