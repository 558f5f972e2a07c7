//! TCP, UDP, and what comes over them.

use edge_agent::config::Transport;
use omma_testkit::simulator::quirk::Quirk;

use crate::watched::{Camera, Watcher};

plays! {
    no_udp: TcpOnly;
    other_channels_than_asked_for: OtherChannels;
    line_breaks_between_packets: StrayCrlf;
    a_channel_that_nobody_agreed_on: UnassignedChannel;
    packets_of_an_old_session: ForeignSsrc;
    reports_of_an_old_session: ForeignRtcp;
    packets_as_large_as_pictures: LargePackets;
    pictures_before_play_is_answered: RtpBeforePlay;
    everything_odd_between_packets: OtherChannels StrayCrlf UnassignedChannel ForeignSsrc ForeignRtcp;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tcp() {
    let camera = Camera::start(&[Quirk::UdpOnly]).await;
    Watcher::start(&camera).reads(20).await;
    assert_eq!(camera.server.counts().plays, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_over_tcp() {
    let camera = Camera::start(&[Quirk::TcpSilent]).await;
    Watcher::start(&camera).reads(20).await;
    assert_eq!(camera.server.counts().plays, 2);
}

/// What an old session left in a connection is taken for the stream; the next attempt, over UDP, has none of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_of_an_old_session_first() {
    let camera = Camera::start(&[Quirk::ForeignFirst]).await;
    Watcher::start(&camera).reads(20).await;
    assert_eq!(camera.server.counts().plays, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_as_large_as_pictures() {
    let camera = Camera::start(&[Quirk::UdpOnly, Quirk::LargePackets]).await;
    Watcher::start(&camera).reads(20).await;
    assert_eq!(camera.server.counts().plays, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_transport_that_was_asked_for_is_refused() {
    for (quirk, transport) in [(Quirk::TcpOnly, Transport::Udp), (Quirk::UdpOnly, Transport::Tcp)] {
        let camera = Camera::start(&[quirk]).await;
        let mut watcher = Watcher::of(&camera.url(), transport);
        watcher.fails("refuses this transport; where `transport` is set, leave it out").await;
        assert_eq!(camera.server.counts().plays, 0);
    }
}
