//! Who gets a seat, at a door with few of them, where nobody is sent away for being slow.

use std::net::Ipv4Addr;

use omma_testkit::wait::LONG;
use tokio::net::TcpSocket;

use super::*;

const SEATS: usize = 32;
const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x";

/// A door, and what is behind it.
struct Port {
    outside: SocketAddr,
    inside: TcpListener,
}

async fn port() -> Port {
    let here = (Ipv4Addr::LOCALHOST, 0);
    let (listener, inside) = (TcpListener::bind(here).await.unwrap(), TcpListener::bind(here).await.unwrap());
    let (outside, behind) = (listener.local_addr().unwrap(), inside.local_addr().unwrap());
    let mut door = Door::new("plain", listener, None, behind, Guests::default());
    door.room = Room::of(SEATS);
    door.handshake = 2 * LONG;
    tokio::spawn(door.run());
    Port { outside, inside }
}

impl Port {
    /// Of the host 127.0.0.`host`.
    async fn client(&self, host: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into()).unwrap();
        socket.connect(self.outside).await.unwrap()
    }

    /// Both ends of a client that has shown its CONNECT and been let through, or `None` where it has been closed.
    async fn guest(&self, host: u8) -> Option<[TcpStream; 2]> {
        let mut client = self.client(host).await;
        // Who is refused may be so before it has said anything.
        client.write_all(CONNECT).await.ok();
        let mut answer = [0];
        let mut behind = tokio::select! {
            accepted = self.inside.accept() => accepted.unwrap().0,
            _ = client.read(&mut answer) => return None,
            () = tokio::time::sleep(LONG) => panic!("it is neither let through nor closed"),
        };
        let mut heard = [0; CONNECT.len()];
        behind.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, CONNECT);
        Some([client, behind])
    }
}

async fn is_closed(mut client: TcpStream) {
    let read = timeout(LONG, client.read(&mut [0])).await.expect("it is kept");
    assert!(matches!(read, Ok(0)), "{read:?}");
}

#[tokio::test]
async fn one_host_that_opens_connections_and_says_nothing_keeps_no_other_host_out() {
    let port = port().await;
    let mut silent = Vec::new();
    for _ in 0..SEATS / 2 {
        silent.push(port.client(1).await);
    }
    is_closed(port.client(1).await).await;
    let other = port.guest(2).await;
    assert!(other.is_some(), "the other host");
    drop(silent);
    let back = async { while port.guest(1).await.is_none() {} };
    timeout(LONG, back).await.expect("the seats are not given back");
}

#[tokio::test]
async fn a_fleet_behind_one_address_fills_every_seat() {
    let port = port().await;
    let mut guests = Vec::new();
    for n in 0..SEATS {
        guests.push(port.guest(1).await.unwrap_or_else(|| panic!("the {n}th is refused")));
    }
    is_closed(port.client(2).await).await;
}
