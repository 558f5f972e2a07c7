//! The HTTP port before a client that no one here wrote: ffmpeg, and ureq.

use std::net::{Ipv4Addr, SocketAddr};

use omma_protocol::secret::Secret;
use omma_testkit::simulator::{Config, Login, Server};
use ureq::Agent;
use ureq::http::StatusCode;

use super::clients::{film, run};

async fn start(login: Option<Login>) -> (Server, SocketAddr) {
    let http = Some((Ipv4Addr::LOCALHOST, 0).into());
    let server = Server::start(Config { http, login, ..Config::new(vec![film("door", "walkers.h264", 50)]) }).await;
    let server = server.unwrap();
    let address = server.http_address().unwrap();
    (server, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_plays_what_is_well_formed() {
    let (server, address) = start(Some(Login { user: "cam".into(), password: Secret::new("hunter2".into()) })).await;
    for query in ["", "?dashed-boundary", "?no-length", "?basic", "?no-tables"] {
        let probe = "-show_entries stream=codec_name,width -of csv=p=0";
        let url = format!("http://cam:hunter2@{address}/door/mjpeg{query}");
        let output = run("ffprobe", &format!("-v error -f mpjpeg {probe} {url}")).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "mjpeg,768", "{query}: {said}");
    }
    assert!(server.counts().pictures > 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_has_a_name_and_is_sent_once() {
    let (server, address) = start(None).await;
    let asked = tokio::task::spawn_blocking(move || {
        let config = Agent::config_builder().http_status_as_error(false).build();
        let agent = Agent::new_with_config(config);
        let url = format!("http://{address}/door/snapshot.jpg?lazy");
        // A lazy camera keeps a picture for a second; it may end right between two requests, but not each time.
        let unchanged = (0..5).any(|_| {
            let mut first = agent.get(&url).call().unwrap();
            let jpeg = first.body_mut().read_to_vec().unwrap();
            assert!(jpeg.starts_with(&[0xff, 0xd8, 0xff]) && jpeg.ends_with(&[0xff, 0xd9]));
            let tag = first.headers()["etag"].clone();
            agent.get(&url).header("if-none-match", &tag).call().unwrap().status() == StatusCode::NOT_MODIFIED
        });
        let page = agent.get(format!("http://{address}/door/mjpeg?page")).call().unwrap();
        let nowhere = [format!("http://{address}/"), format!("http://{address}/other/mjpeg")];
        let nowhere = nowhere.map(|url| agent.get(url).call().unwrap().status());
        (unchanged, page.headers()["content-type"].clone(), nowhere)
    });
    let (unchanged, page, nowhere) = asked.await.unwrap();
    assert!(unchanged, "the same picture is sent again");
    assert_eq!((page.as_bytes(), nowhere), (&b"text/html"[..], [StatusCode::NOT_FOUND; 2]));
    server.stop().await;
}
