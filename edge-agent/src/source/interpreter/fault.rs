//! What ended or spoilt an interpreted connection, where retina can't tell.
//!
//! Of the interpreter retina sees that its connection closes, or can't be had, and that reads as if the camera had done it. So
//! what really happened is left here, before retina can see anything of it, and told in place of what retina makes of it.

use edge_core::interpreter::framing::{MAX_BODY, MAX_HEAD};
use tokio::sync::watch;

use crate::source::error::SourceError;

/// What ended it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection to the camera broke, in the system's words, or the camera took no request in time.
    Broken(String),
    /// Retina did not come, or could not.
    NotEntered(String),
    /// Retina did not take what the camera sent for so many seconds.
    NotTaken(u64),
    /// Retina said something that is no request of its own.
    NotUnderstood,
}

/// What spoils it while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A request can't be signed.
    Unsigned(String),
    /// An answer is longer than is looked at: nothing is put right from there on.
    TooLong,
}

#[derive(Debug, Default)]
struct Left {
    fault: Option<Fault>,
    flaw: Option<Flaw>,
}

/// Where it is left.
#[derive(Debug)]
pub(super) struct Leaves(watch::Sender<Left>);

/// Where it is found.
#[derive(Debug, Clone)]
pub(in crate::source) struct Finds(watch::Receiver<Left>);

pub(super) fn channel() -> (Leaves, Finds) {
    let (leaves, finds) = watch::channel(Left::default());
    (Leaves(leaves), Finds(finds))
}

impl Leaves {
    /// To be called before retina can see anything of it.
    pub(super) fn fault(&self, fault: Fault) {
        tracing::debug!(?fault, "an interpreted connection ended");
        self.0.send_modify(|left| left.fault = Some(fault));
    }

    pub(super) fn flaw(&self, flaw: Flaw) {
        tracing::debug!(?flaw, "an interpreted connection");
        self.0.send_modify(|left| left.flaw = Some(flaw));
    }
}

impl Finds {
    /// Waits for a fault; without one, for ever.
    pub(in crate::source) async fn fault(&mut self) -> SourceError {
        let left = self.0.wait_for(|left| left.fault.is_some()).await;
        match left.ok().and_then(|left| left.fault.clone()) {
            Some(fault) => fault.into(),
            None => std::future::pending().await,
        }
    }

    /// What retina's error comes of, where it could not connect.
    pub(in crate::source) fn explain_entering(&self, error: SourceError) -> SourceError {
        match self.explain(error) {
            SourceError::Unreachable(why) => Fault::NotEntered(why).into(),
            error => error,
        }
    }

    /// What retina's error comes of, or the silence of its stream.
    pub(in crate::source) fn explain(&self, error: SourceError) -> SourceError {
        let left = self.0.borrow();
        match (error, &left.fault, &left.flaw) {
            // What says no more than that the connection is over.
            (
                SourceError::Closed
                | SourceError::Broken(_)
                | SourceError::Failed(_)
                | SourceError::Unreachable(_)
                | SourceError::Silent { .. },
                Some(fault),
                _,
            ) => fault.clone().into(),
            (SourceError::Refused(_) | SourceError::Withheld(_), _, Some(Flaw::Unsigned(why))) => {
                SourceError::Challenge(why.clone())
            }
            (SourceError::Unreadable(what), _, Some(Flaw::TooLong)) => SourceError::Unreadable(format!(
                "{what}; it is not put right, because an answer is longer than is looked at: headers of {} KiB, content of {} KiB",
                MAX_HEAD >> 10,
                MAX_BODY >> 10
            )),
            (error, ..) => error,
        }
    }
}

impl From<Fault> for SourceError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Broken(why) => Self::Broken(why),
            Fault::NotEntered(why) => Self::Interpreter(format!(
                "this machine does not let the edge connect to itself, which this camera needs: let its firewall allow that, and \
                 see whether it is overloaded ({why})"
            )),
            Fault::NotTaken(seconds) => Self::Interpreter(format!(
                "the edge itself did not take this camera's pictures for {seconds} s: the machine is overloaded, take cameras \
                 off it"
            )),
            Fault::NotUnderstood => Self::Interpreter(
                "the edge does not understand its own requests to this camera: please report it".to_owned(),
            ),
        }
    }
}
