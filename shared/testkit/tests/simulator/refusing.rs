//! Bad clients harm nobody but themselves.

use std::time::Duration;

use omma_testkit::simulator::{Config, Server};

use super::clients::{Wire, film, start, until};

async fn is_well(server: &Server) {
    let answer = Wire::connect(server).await.ask("DESCRIBE", &server.url("door"), "").await;
    assert!(answer.starts_with("RTSP/1.0 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_gets_400_and_the_server_lives() {
    let server = start(film("door", "walkers.h264", 10)).await;
    let endless = [b"OPTIONS * RTSP/1.0\r\n".as_slice(), &b"A: b\r\n".repeat(4000)].concat();
    let binary: Vec<u8> = (0..=255).collect();
    let garbage: [&[u8]; 5] =
        [&binary, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\0\x01", &endless, b"x\r\n\r\n"];
    for bytes in garbage {
        let mut wire = Wire::connect(&server).await;
        wire.say(bytes).await;
        let answer = wire.hear_out().await;
        // The answer is lost where the server closes with bytes unread.
        assert!(answer.is_empty() || answer.starts_with(b"RTSP/1.0 400"), "{}", String::from_utf8_lossy(&answer));
        is_well(&server).await;
    }
    until("garbage is counted", || server.counts().garbage == garbage.len() as u64).await;
    // Left in the middle of a request.
    for part in [b"OPTIO".as_slice(), b"OPTIONS * RTSP/1.0\r\nContent-Length: 9\r\nCSeq: 1\r\n\r\nx", b"$\0\xff\xffabc"]
    {
        Wire::connect(&server).await.say(part).await;
    }
    is_well(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_does_not_read_is_cut_off() {
    // 4 MB a second, so that the kernels' buffers are soon full.
    let server = start(film("hd", "hd-high.h264", 240)).await;
    let mut wire = Wire::connect(&server).await;
    wire.play(&server.url("hd")).await;
    until("the slow player is cut off", || server.counts().slow == 1).await;
    drop(wire);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_player_is_cut_off_and_a_talking_one_is_not() {
    let camera = film("door", "walkers.h264", 10);
    let config = Config { session_timeout: Duration::from_secs(2), ..Config::new(vec![camera]) };
    let server = Server::start(config).await.unwrap();
    let uri = server.url("door");
    let mut silent = Wire::connect(&server).await;
    silent.play(&uri).await;
    let mut talking = Wire::connect(&server).await;
    talking.play(&uri).await;
    let heard = tokio::spawn(silent.hear_out());
    while !heard.is_finished() {
        assert!(talking.ask("GET_PARAMETER", &uri, "").await.starts_with("RTSP/1.0 200"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!heard.await.unwrap().is_empty(), "it got pictures as long as it lived");
    assert_eq!(server.counts().silent, 1);
}
