//! The search: probes go out, answers come in for as long as it was asked to wait.
//!
//! A datagram may be lost, so that each probe is sent twice (SOAP-over-UDP §3.4), and for each kind of device.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use edge_core::onvif::probe::{self, Found, Kind};
use futures::future::join_all;
use tokio::net::UdpSocket;
use tokio::time::{interval, sleep};
use uuid::Uuid;

use super::interfaces::Interface;

/// From the first sending of a probe to the second.
const AGAIN: Duration = Duration::from_millis(300);
const TIMES: u32 = 2;
/// Most devices that are asked further; the rest is counted.
const MAX_DEVICES: usize = 256;
/// Most datagrams that are read of one socket.
const MAX_DATAGRAMS: usize = 4096;
/// Largest datagram.
const DATAGRAM: usize = 1 << 16;

/// A device and the address that it answered from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) found: Found,
    pub(super) from: IpAddr,
}

/// What came of a search.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// One for each device, by address.
    pub(super) answers: Vec<Answer>,
    /// Where it could not be asked, and why.
    pub(super) failures: Vec<(String, String)>,
    /// Devices beyond the bound.
    pub(super) left_out: usize,
}

/// Asks everyone behind these interfaces.
pub(super) async fn multicast(interfaces: &[Interface], wait: Duration) -> Heard {
    let to = SocketAddr::from((probe::GROUP, probe::PORT));
    // Linux sends multicasts through the interface whose address a socket is bound to.
    let asked = interfaces.iter().map(|interface| async move {
        let socket = UdpSocket::bind((interface.address, 0)).await?;
        listen(&socket, to, wait, MAX_DATAGRAMS).await
    });
    let mut heard = Heard::default();
    let mut answers = vec![];
    for (interface, result) in interfaces.iter().zip(join_all(asked).await) {
        match result {
            Ok(some) => answers.extend(some),
            Err(e) => heard.failures.push((interface.to_string(), e.to_string())),
        }
    }
    heard.answers = distinct(answers);
    heard.left_out = heard.answers.len().saturating_sub(MAX_DEVICES);
    heard.answers.truncate(MAX_DEVICES);
    heard
}

/// Asks one host. Answers of others are not heard.
pub(super) async fn unicast(to: SocketAddr, wait: Duration) -> Option<Answer> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let asked = async {
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(to).await?;
        listen(&socket, to, wait, 1).await
    };
    match asked.await {
        Ok(answers) => answers.into_iter().next(),
        Err(e) => {
            // It is asked over HTTP next; if that fails too, that is told.
            tracing::debug!(error = %e, "search of one host");
            None
        }
    }
}

/// Sends the probes and hears at most `most` datagrams with devices in them.
async fn listen(socket: &UdpSocket, to: SocketAddr, wait: Duration, most: usize) -> io::Result<Vec<Answer>> {
    let probes = [Kind::Transmitter, Kind::Device].map(|kind| probe::probe(kind, &Uuid::new_v4().to_string()));
    let (mut answers, mut heard, mut sent) = (vec![], 0, 0);
    let mut buffer = vec![0; DATAGRAM];
    let mut due = interval(AGAIN);
    let over = sleep(wait);
    tokio::pin!(over);
    while heard < most {
        tokio::select! {
            () = &mut over => break,
            _ = due.tick(), if sent < TIMES => {
                sent += 1;
                for probe in &probes {
                    socket.send_to(probe.as_bytes(), to).await?;
                }
            }
            received = socket.recv_from(&mut buffer) => {
                let (length, from) = received?;
                match probe::matches(buffer.get(..length).unwrap_or_default()) {
                    Ok(found) if !found.is_empty() => {
                        heard += 1;
                        answers.extend(found.into_iter().map(|found| Answer { found, from: from.ip() }));
                        // Neither repetitions nor inventions may fill the memory.
                        answers = distinct(answers);
                        answers.truncate(2 * MAX_DEVICES);
                    }
                    Ok(_) => {}
                    Err(e) => tracing::debug!(%from, error = %e, "an answer that is none"),
                }
            }
        }
    }
    Ok(answers)
}

/// One answer for each endpoint at each address, by address: some makers give all their cameras the same endpoint.
fn distinct(mut answers: Vec<Answer>) -> Vec<Answer> {
    // The first of each stays.
    answers.sort_by(|a, b| (a.from, &a.found.endpoint).cmp(&(b.from, &b.found.endpoint)));
    answers.dedup_by(|a, b| (a.from, &a.found.endpoint) == (b.from, &b.found.endpoint));
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(endpoint: &str, from: u8, name: &str) -> Answer {
        let found =
            Found { endpoint: endpoint.to_owned(), name: Some(name.to_owned()), hardware: None, addresses: vec![] };
        Answer { found, from: [192, 0, 2, from].into() }
    }

    #[test]
    fn a_device_that_answers_many_times_is_one() {
        let answers = vec![
            answer("a", 9, "first"),
            answer("", 3, "x"),
            answer("b", 2, "y"),
            answer("a", 9, "second"),
            answer("", 3, "z"),
        ];
        let distinct = distinct(answers);
        let names: Vec<_> = distinct.iter().filter_map(|answer| answer.found.name.as_deref()).collect();
        assert_eq!(names, ["y", "x", "first"]);
    }

    #[test]
    fn cameras_that_share_an_endpoint_are_told_apart_by_their_addresses() {
        let distinct =
            distinct(vec![answer("a", 9, "x"), answer("a", 8, "y"), answer("b", 9, "z"), answer("a", 9, "w")]);
        let names: Vec<_> = distinct.iter().filter_map(|answer| answer.found.name.as_deref()).collect();
        assert_eq!(names, ["y", "x", "z"]);
    }

    #[tokio::test]
    async fn nobody_there_is_no_answer() {
        // Bound and silent; nobody else can have the port.
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = silent.local_addr().unwrap();
        assert_eq!(unicast(to, Duration::from_millis(400)).await, None);
        let mut datagram = [0; 2048];
        let (length, _) = silent.recv_from(&mut datagram).await.unwrap();
        assert!(String::from_utf8_lossy(&datagram[..length]).contains("NetworkVideoTransmitter"));
    }
}
