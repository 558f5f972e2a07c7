//! The camera's session is ended when retina has gone (RFC 2326 §10.7), whatever it had got to.
//!
//! ```text
//!  a SETUP on its way is answered ─▶ TEARDOWN ─▶ its answer ─▶ closed
//! ```
//!
//! On the connection that there is, for as long as retina would wait. Where that has ended before, the session of a camera that
//! sends over TCP has ended with it; of one that sends datagrams it need not have, and TEARDOWN is tried once on a fresh one.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use edge_core::doctor::report::Way;
use edge_core::interpreter::conversation::Farewell;
use edge_core::interpreter::framing::{Piece, Pieces};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Interpreter, USER_AGENT, read_more, write};
use crate::AGENT;

/// How long a camera has to answer on the connection that there is.
const EXISTING: Duration = Duration::from_secs(5);
/// And on a fresh one, with connecting.
const FRESH: Duration = Duration::from_secs(2);

impl Interpreter {
    /// Ends the camera's session, where it has one, on this connection with what has come of it, or without one.
    pub(super) async fn leave(&mut self, connection: Option<(TcpStream, Pieces)>) {
        if let Some((mut camera, answered)) = connection {
            match timeout(EXISTING, self.part(&mut camera, answered)).await {
                Ok(Ok(())) => return,
                Ok(Err(e)) => tracing::debug!(error = %e, "TEARDOWN"),
                Err(_) => tracing::debug!("TEARDOWN was not answered"),
            }
        }
        if self.way == Way::Tcp || !self.conversation.has_session() {
            return;
        }
        self.conversation.reconnected();
        let afresh = async {
            let mut camera = TcpStream::connect(self.peer).await?;
            self.part(&mut camera, Pieces::default()).await
        };
        if !matches!(timeout(FRESH, afresh).await, Ok(Ok(()))) {
            tracing::debug!("a camera could not be asked to end its session: it ends it when its time is out");
        }
    }

    async fn part(&mut self, camera: &mut TcpStream, mut answered: Pieces) -> io::Result<()> {
        let mut to_camera = BytesMut::new();
        loop {
            while let Some(piece) = answered.next_piece() {
                if let Piece::Message { mut head, .. } = piece {
                    self.hear(&mut head, &mut to_camera);
                }
            }
            match self.conversation.farewell() {
                Farewell::Ask(mut request) => {
                    request.add(USER_AGENT, AGENT);
                    self.sign(request, &mut to_camera);
                }
                Farewell::Wait => {}
                Farewell::Done => return Ok(()),
            }
            write(camera, &mut to_camera).await?;
            if read_more(camera, &mut answered).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
