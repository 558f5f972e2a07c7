//! Who has shown no secret yet keeps nobody out and costs little.

use std::collections::BTreeSet;

use tokio::net::UdpSocket;

use super::*;

/// First packets whose sender hears no answer, as where it has forged its address: from one client to a socket that is no
/// hub, and from there to the hub.
async fn forge(hub: &Hub, number: usize) {
    let here = "127.0.0.1:0";
    let (relay, forger) = (UdpSocket::bind(here).await.unwrap(), UdpSocket::bind(here).await.unwrap());
    let client = hub.endpoint(1, ALPN);
    let (mut connecting, mut known, mut packet) = (Vec::new(), BTreeSet::new(), [0; 1500]);
    while known.len() < number {
        connecting.push(client.connect(relay.local_addr().unwrap(), SERVER_NAME).unwrap());
        // Not what is said once more of an older one. An Initial packet begins with flags, version, and the destination's id
        // (RFC 9000 §17.2.2).
        while known.len() < connecting.len() {
            let received = tokio::time::timeout(PATIENCE, relay.recv(&mut packet)).await.expect("no packet").unwrap();
            if known.insert(packet[6..6 + usize::from(packet[5])].to_vec()) {
                forger.send_to(&packet[..received], hub.address).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn forged_addresses_keep_no_edge_out() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    forge(&hub, 2 * MAX_HANDSHAKES).await;
    // Of the very address that was forged.
    hub.edge(&secret).await;
    forge(&hub, MAX_HANDSHAKES).await;
    hub.edge(&secret).await;
}

#[tokio::test]
async fn one_host_that_shakes_hands_and_says_nothing_keeps_no_other_host_out() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    let client = hub.endpoint(1, ALPN);
    let mut silent = Vec::new();
    // Not for ever where this machine is so slow that places are given back meanwhile.
    while silent.len() < 4 * MAX_HANDSHAKES
        && let Ok(connection) = client.connect(hub.address, SERVER_NAME).unwrap().await
    {
        silent.push(connection);
    }
    hub.edge_from(2, &secret).await;
}

#[tokio::test]
async fn a_stranger_sends_little_before_its_hello_was_accepted_and_an_edge_much() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    let (_endpoint, stranger) = hub.connect(ALPN).await.unwrap();
    let mut sent = 0;
    for _ in 0..8 {
        let mut stream = stranger.open_uni().await.unwrap();
        // Nobody reads it: what is taken at once is all that will be.
        while let std::task::Poll::Ready(written) = futures::poll!(Box::pin(stream.write(&[0; 8192]))) {
            sent += written.unwrap();
        }
    }
    assert_eq!(sent, STRANGER_WINDOW as usize);

    let mut edge = hub.edge(&secret).await;
    let HubToEdge::Ping { .. } = edge.next().await else { panic!("no ping") };
    // Hello is far too little for the hub to grant more because it was read.
    let granted = async {
        while edge.connection.stats().frame_rx.max_data == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, granted).await.expect("an edge is granted no more than a stranger");
}
