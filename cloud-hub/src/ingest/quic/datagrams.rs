//! Results, one in each datagram. A lost one is not missed: the next frame's follows.

use quinn::Connection;

use super::streams::Streams;
use crate::complaint::Complaint;

/// Until the connection ends.
pub(super) async fn run(connection: &Connection, streams: &Streams, complaint: &Complaint) {
    while let Ok(datagram) = connection.read_datagram().await {
        if let Err(e) = streams.result(&datagram) {
            streams.dropped("unreadable");
            complaint.about(streams.edge(), &e);
        }
    }
}
