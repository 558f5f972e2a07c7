//! What a hostile or broken client sends: a clear answer, and everybody else goes on.

use std::net::SocketAddr;

use omma_protocol::unit::Codec;
use omma_protocol::wire::browser::Mode;
use omma_testkit::garbage::sdp;
use omma_testkit::viewer::{Refused, Viewer};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::net::UdpSocket;

use crate::hub::{TestHub, connected, pictures};

/// The refusal's kind and message.
fn reason(body: &str) -> (String, String) {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body}"));
    let text = |key: &str| body["error"][key].as_str().expect("a text").to_owned();
    (text("kind"), text("message"))
}

async fn refused(hub: &TestHub, stream: &str) -> (u16, String, String) {
    let error = Viewer::join(&hub.at(), stream, Mode::Live).await.unwrap_err();
    let refused = error.downcast_ref::<Refused>().unwrap_or_else(|| panic!("{error:#}"));
    let (kind, message) = reason(&refused.body);
    (refused.status, kind, message)
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_cannot_be_shown_are_refused_with_the_remedy() {
    let hub = TestHub::start(8).await;
    hub.camera("site.reorders", Codec::H264, true);
    hub.camera("site.modern", Codec::H265, false);
    for (stream, status, kind, part) in [
        ("site.nothing", 404, "not_found", "site.nothing"),
        ("site.reorders", 409, "not_watchable", "B-frames"),
        ("site.modern", 409, "not_watchable", "H.264"),
        ("nodot", 400, "bad_request", "edge.camera"),
        ("Site.door", 400, "bad_request", "'S'"),
    ] {
        let (got, got_kind, message) = refused(&hub, stream).await;
        assert_eq!((got, got_kind.as_str()), (status, kind), "{stream}: {message}");
        assert!(message.contains(part), "{stream}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_that_are_none_are_refused_and_the_hub_goes_on() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let path = "/api/v1/streams/site.door/whep";
    let mut noise = StdRng::seed_from_u64(1);
    let mut offers = vec![
        (vec![], 400),
        (b"hello".to_vec(), 400),
        (b"v=0\r\n".to_vec(), 400),
        (vec![0xff, 0xfe], 400),
        (sdp::WITHOUT_VIDEO.as_bytes().to_vec(), 400),
        (vec![b'v'; 100_000], 413),
    ];
    offers.extend((0..200).map(|_| (sdp::mangled(&mut noise), 400)));
    for (offer, status) in offers {
        let shown = String::from_utf8_lossy(&offer[..offer.len().min(400)]).into_owned();
        let (got, _, body) = hub.at().send("POST", path, offer).await.unwrap();
        assert_eq!(got, status, "{body} to {shown}");
        assert!(!reason(&body).1.is_empty());
    }
    let (status, _, body) =
        hub.at().send("POST", &format!("{path}?mode=fast"), sdp::WITHOUT_VIDEO.into()).await.unwrap();
    assert_eq!((status, reason(&body).0.as_str()), (400, "bad_request"));
    for session in ["nonsense", "00000000-0000-4000-8000-000000000000"] {
        let (status, _, body) = hub.at().send("DELETE", &format!("{path}/{session}"), vec![]).await.unwrap();
        assert_eq!((status, reason(&body).0.as_str()), (404, "not_found"));
    }

    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut viewer).await;
    let sent = camera.send(3);
    assert!(pictures(&mut viewer, 3).await == sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_viewer_too_many_is_told_so_and_a_place_that_is_left_can_be_taken() {
    let hub = TestHub::start(2).await;
    hub.camera("site.door", Codec::H264, false);
    let first = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    let _second = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    let (status, kind, message) = refused(&hub, "site.door").await;
    assert_eq!((status, kind.as_str()), (503, "full"));
    assert!(message.contains("live.max_sessions"), "{message}");
    assert_eq!(hub.at().leave(first.session()).await.unwrap(), 200);
    Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_media_port_disturbs_nobody() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut viewer).await;
    let target = media_port(&viewer.session().answer);
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut noise = StdRng::seed_from_u64(7);
    for step in 0..50 {
        for _ in 0..40 {
            let mut datagram = vec![0; noise.random_range(0..1500)];
            noise.fill_bytes(&mut datagram);
            // First bytes of STUN, DTLS, RTP and RTCP (RFC 7983 §7), so that each parser is reached.
            if let Some(first) = datagram.first_mut() {
                *first = [0, 1, 20, 22, 63, 128, 144, 191, 255][noise.random_range(0..9)];
            }
            if datagram.len() >= 8 && noise.random_bool(0.5) {
                datagram[4..8].copy_from_slice(&0x2112_a442u32.to_be_bytes());
            }
            stranger.send_to(&datagram, target).await.unwrap();
        }
        let sent = camera.send(3);
        assert!(pictures(&mut viewer, 3).await == sent, "step {step}");
    }
}

fn media_port(answer: &str) -> SocketAddr {
    let candidate = answer.lines().find_map(|line| line.strip_prefix("a=candidate:")).expect("a candidate");
    let fields: Vec<_> = candidate.split(' ').collect();
    format!("{}:{}", fields[4], fields[5]).parse().unwrap()
}
