//! Who is let in, and that each edge is here once.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use omma_protocol::id::EdgeId;
use omma_protocol::wire::quic::{EdgeToHub, HubToEdge, VERSION};
use quinn::{Connection, Incoming};

use super::control::{Control, ControlError};
use super::streams::Streams;
use super::{CONNECTION_WINDOW, Close, Destination, datagrams, lasting, values};
use crate::access::{attempts::Attempts, edges::Edges};
use crate::complaint::Complaint;
use crate::step;
use omma_runtime::step::Step;

/// From the first packet until Hello has been read.
const HELLO: Duration = Duration::from_secs(10);
/// How long a refused edge has to read why.
const REFUSAL: Duration = Duration::from_secs(1);

/// The edges that are here. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    edges: Edges,
    attempts: Attempts,
    destination: Destination,
    here: Mutex<BTreeMap<EdgeId, Connection>>,
    complaint: Complaint,
    step: Step,
}

/// Why a connection does not get to its cameras.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("handshake: {0}")]
    Handshake(#[from] quinn::ConnectionError),
    #[error("nothing was said within {HELLO:?}")]
    Silence,
    #[error("first message: {0}")]
    Control(#[from] ControlError),
    #[error("the first message is not Hello")]
    NotHello,
    #[error("it speaks version {0}, this hub {VERSION}")]
    Version(u16),
    #[error("too many wrong secrets from its address")]
    Attempts,
    #[error("edge or secret is wrong")]
    Secret,
}

impl Refused {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Refused::Handshake(_) => "handshake",
            Refused::Silence => "silence",
            Refused::Control(_) | Refused::NotHello => "protocol",
            Refused::Version(_) => "version",
            Refused::Attempts => "attempts",
            Refused::Secret => "secret",
        }
    }

    /// What the edge is told: what its operator can mend.
    fn told(&self) -> Option<String> {
        match self {
            Refused::Version(_) => Some(format!("{self}: update the older of the two")),
            Refused::Attempts => Some("too many wrong secrets: wait a minute".to_owned()),
            Refused::Secret => Some("the join token is not valid any more: make one with `cloud-hub join`".to_owned()),
            _ => None,
        }
    }
}

/// An edge that was let in.
pub(super) struct Admitted {
    connection: Connection,
    control: Control,
    pub(super) place: Place,
}

impl Connections {
    pub(super) fn new(edges: Edges, attempts: Attempts, destination: Destination) -> Self {
        let (here, complaint, step) = (Mutex::default(), Complaint::default(), Step::new(step::INGEST));
        Self(Arc::new(Inner { edges, attempts, destination, here, complaint, step }))
    }

    pub(super) fn destination(&self) -> &Destination {
        &self.0.destination
    }

    /// Handshake, Hello, and the answer.
    pub(super) async fn admit(&self, incoming: Incoming) -> Result<Admitted, Refused> {
        let deadline = tokio::time::Instant::now() + HELLO;
        let connection = tokio::time::timeout_at(deadline, incoming).await.map_err(|_| Refused::Silence)??;
        let hello = async {
            let (send, recv) = connection.accept_bi().await?;
            let mut control = Control::new(send, recv);
            let hello = control.read().await?;
            Ok::<_, Refused>((control, hello))
        };
        let (mut control, hello) = match tokio::time::timeout_at(deadline, hello).await {
            Ok(Ok(heard)) => heard,
            Ok(Err(e)) => {
                connection.close(Close::Protocol.code(), b"expected Hello");
                return Err(e);
            }
            Err(_) => {
                connection.close(Close::Protocol.code(), b"expected Hello");
                return Err(Refused::Silence);
            }
        };
        match self.judge(hello, connection.remote_address().ip()) {
            Ok((edge, agent)) => {
                connection.set_receive_window(CONNECTION_WINDOW.into());
                control.write(&HubToEdge::Welcome).await?;
                let place = self.take_place(edge, agent, &connection);
                Ok(Admitted { connection, control, place })
            }
            Err(refused) => {
                if let Some(reason) = refused.told() {
                    control.say_last(&HubToEdge::Refused { reason }, REFUSAL).await;
                }
                connection.close(Close::Refused.code(), b"refused");
                Err(refused)
            }
        }
    }

    fn judge(&self, hello: EdgeToHub, address: IpAddr) -> Result<(EdgeId, String), Refused> {
        let EdgeToHub::Hello { version, edge, secret, agent } = hello else { return Err(Refused::NotHello) };
        if version != VERSION {
            return Err(Refused::Version(version));
        }
        if self.0.edges.check(&edge, &secret) {
            return Ok((edge, agent.chars().filter(|c| !c.is_control()).take(128).collect()));
        }
        match self.0.attempts.wrong(address, "quic") {
            Some(_) => Err(Refused::Attempts),
            None => Err(Refused::Secret),
        }
    }

    fn take_place(&self, edge: EdgeId, agent: String, connection: &Connection) -> Place {
        let older = self.here().insert(edge.clone(), connection.clone());
        if let Some(older) = older {
            older.close(Close::Replaced.code(), b"the edge has connected again");
        }
        self.0.destination.registry.update(&edge, |known| {
            known.connected = true;
            known.agent = Some(agent);
        });
        Place { edge, number: connection.stable_id(), connections: self.clone() }
    }

    fn here(&self) -> MutexGuard<'_, BTreeMap<EdgeId, Connection>> {
        self.0.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An edge's place among those that are here; given back when dropped, unless a newer connection has it.
pub(super) struct Place {
    edge: EdgeId,
    number: usize,
    connections: Connections,
}

impl Place {
    pub(super) fn edge(&self) -> &EdgeId {
        &self.edge
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut here = self.connections.here();
        if here.get(&self.edge).is_some_and(|c| c.stable_id() == self.number) {
            here.remove(&self.edge);
            // Under the lock, so that a newer connection's word comes after.
            self.connections.0.destination.registry.update(&self.edge, |known| known.connected = false);
        }
    }
}

impl Admitted {
    /// Until the connection ends; says why.
    pub(super) async fn run(self, destination: &Destination) -> String {
        let Self { connection, control, place } = self;
        let inner = &place.connections.0;
        let streams = Streams::new(place.edge.clone(), destination.bus.clone(), inner.step.clone());
        let reason = tokio::select! {
            result = control.run(&place.edge, destination, &streams) => match result {
                Ok(()) => "the edge has ended its control stream".to_owned(),
                Err(e) => e.to_string(),
            },
            result = lasting::run(&connection, &place.edge, &destination.keeper, &inner.step, &inner.complaint) => {
                result.err().map(|e| e.to_string()).unwrap_or_default()
            }
            result = values::run(&connection, &place.edge, destination, &inner.step, &inner.complaint) => {
                result.err().map(|e| e.to_string()).unwrap_or_default()
            }
            () = streams.run(&connection, &inner.complaint) => String::new(),
            () = datagrams::run(&connection, &streams, &inner.complaint) => String::new(),
        };
        match connection.close_reason() {
            Some(closed) => closed.to_string(),
            None => {
                connection.close(Close::Protocol.code(), reason.as_bytes());
                reason
            }
        }
    }
}
