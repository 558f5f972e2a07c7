//! How edges shall be and are, on the stream that the hub opens.

use hub_core::desired::MAX_CAMERAS;
use omma_protocol::id::CameraId;
use omma_protocol::wire::mqtt::{Command, PROP_RESPONSE, PROP_REVISION, Topic};
use omma_protocol::wire::quic::lasting::{Record, RecordReader, encode_record_head};
use omma_protocol::wire::quic::values::STREAM_VALUES;

use super::*;

const WHILE: Duration = Duration::from_millis(500);
const REPORTED: &str = "omma/v1/edges/site/config/reported";

struct Values {
    edge: Edge,
    send: SendStream,
    recv: RecvStream,
    reader: RecordReader,
}

impl Values {
    async fn accept(hub: &Hub) -> Self {
        let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
        let edge = hub.edge(&secret).await;
        let (mut send, recv) = tokio::time::timeout(PATIENCE, edge.connection.accept_bi()).await.unwrap().unwrap();
        send.write_all(&[STREAM_VALUES]).await.unwrap();
        Self { edge, send, recv, reader: RecordReader::new(STREAM_VALUES) }
    }

    async fn say(&mut self, topic: &str, payload: &str) {
        let record = Record { topic: topic.to_owned(), properties: vec![], payload: payload.to_owned().into() };
        self.send.write_all(&encode_record_head(&record).unwrap()).await.unwrap();
        self.send.write_all(&record.payload).await.unwrap();
    }

    /// The next text that is desired, and its number.
    async fn hear(&mut self) -> (String, u64) {
        let record = self.record().await;
        assert_eq!(record.topic, "omma/v1/edges/site/config/desired");
        let [(name, revision)] = &record.properties[..] else { panic!("{:?}", record.properties) };
        assert_eq!(name, PROP_REVISION);
        (String::from_utf8(record.payload.into()).unwrap(), revision.parse().unwrap())
    }

    async fn record(&mut self) -> Record {
        loop {
            if let Some(record) = self.reader.next_record().unwrap() {
                return record;
            }
            let chunk = self.recv.read_chunk(65_536, true).await.unwrap().expect("the stream ended");
            self.reader.push(&chunk.bytes);
        }
    }

    async fn hears(&mut self, text: &str) -> u64 {
        let (heard, revision) = tokio::time::timeout(PATIENCE, self.hear()).await.expect("nothing is desired");
        assert_eq!(heard, text);
        revision
    }

    async fn hears_nothing(&mut self) {
        assert!(tokio::time::timeout(WHILE, self.hear()).await.is_err(), "something is desired");
    }
}

async fn desire(hub: &Hub, edge: &str, text: &str) {
    hub.desired.set(&edge.parse().unwrap(), Secret::new(text.to_owned())).await.unwrap();
}

#[tokio::test]
async fn what_is_desired_is_told_to_that_edge_alone_once_it_has_spoken_and_at_each_connection() {
    let hub = hub().await;
    desire(&hub, "site", "first").await;
    desire(&hub, "other", "another's").await;
    let mut edge = Values::accept(&hub).await;
    // One of before there were values leaves the stream unread, and need not be trusted with it.
    edge.hears_nothing().await;
    edge.say(REPORTED, r#"{"version":1,"state":"file"}"#).await;
    let first = edge.hears("first").await;
    edge.say(REPORTED, r#"{"version":1,"state":"trial"}"#).await;
    desire(&hub, "other", "another's again").await;
    edge.hears_nothing().await;
    desire(&hub, "site", "first").await;
    let second = edge.hears("first").await;
    assert!(second > first);
    desire(&hub, "site", "").await;
    edge.hears("").await;
    edge.edge.connection.close(0u32.into(), b"bye");

    let mut edge = Values::accept(&hub).await;
    edge.say(REPORTED, r#"{"version":1,"state":"file"}"#).await;
    edge.hears("").await;
}

#[tokio::test]
async fn a_command_is_told_once_the_edge_has_spoken_and_its_answer_is_given() {
    let hub = hub().await;
    let mut edge = Values::accept(&hub).await;
    let topic = Topic::CameraCommand("site".parse().unwrap(), "door".parse().unwrap(), Command::Detection);
    let asking = hub.commands.ask(topic.clone(), Bytes::from_static(b"OFF"));
    let answering = async {
        edge.hears_nothing().await;
        edge.say(REPORTED, r#"{"version":1,"state":"file"}"#).await;
        let record = tokio::time::timeout(PATIENCE, edge.record()).await.expect("nothing is asked");
        assert_eq!((record.topic, &record.payload[..]), (topic.to_string(), &b"OFF"[..]));
        let [(key, name)] = &record.properties[..] else { panic!("{:?}", record.properties) };
        assert_eq!(key, PROP_RESPONSE);
        let reason = "x".repeat(9999);
        // To one that was never asked too.
        for name in ["c99", name] {
            let answer = format!(r#"{{"ok":false,"reasons":["{reason}"]}}"#);
            edge.say(&format!("omma/v1/edges/site/responses/{name}"), &answer).await;
        }
    };
    let (answer, ()) = tokio::join!(asking, answering);
    let answer = answer.unwrap();
    assert!(!answer.ok && answer.reasons.len() == 1 && answer.reasons[0].len() == 500, "{answer:?}");
}

#[tokio::test]
async fn how_an_edge_is_is_known_and_no_text_of_it_is_long() {
    let hub = hub().await;
    let mut edge = Values::accept(&hub).await;
    let reasons = vec![format!("\"a\\n{}\"", "x".repeat(9999)); 100].join(",");
    let reported = format!(r#"{{"version":1,"state":"refused","running":"x","reasons":[{reasons}],"later":1}}"#);
    edge.say(REPORTED, &reported).await;
    edge.say("omma/v1/edges/site/later", "x").await;
    let health = r#"{"uptime_s":9,"clock_plausible":true,"outbox":{"waiting":3,"given_up":0,"set_aside":0},
        "last_run":"ended","unclean_ends":0,"crash_reports":0}"#;
    edge.say("omma/v1/edges/site/health", health).await;
    hub.until(|site| site.health.as_ref().is_some_and(|told| told.what.outbox.waiting == 3)).await;
    let site = hub.registry.edges()[&"site".parse().unwrap()].clone();
    let reported = site.reported.unwrap().what;
    assert_eq!((reported.running, reported.reasons.len()), (None, 50));
    assert!(reported.reasons.iter().all(|reason| reason.starts_with("ax") && reason.len() == 500));
}

#[tokio::test]
async fn what_an_edge_remarks_on_its_cameras_is_known_until_it_says_otherwise_or_connects_anew() {
    let hub = hub().await;
    let mut edge = Values::accept(&hub).await;
    let state = |rest: &str| {
        format!(r#"{{"name":"Door","state":"live","placement":"edge","rate":5.0,"width":0,"height":0{rest}}}"#)
    };
    let topic = |camera: &str| format!("omma/v1/edges/site/cameras/{camera}/state");
    let known = |site: &crate::registry::Edge, camera: &str| {
        site.remarks.get(&camera.parse::<CameraId>().unwrap()).cloned().unwrap_or_default()
    };
    let faults = format!(r#","later":1,"interpreted":["rtp_info","no word!","{}","newer_fault"]"#, "x".repeat(99));
    edge.say(&topic("door"), &state(&faults)).await;
    hub.until(|site| known(site, "door").interpreted == ["rtp_info", "newer_fault"]).await;
    let unseen = format!(r#","unseen":"H.265 not decodable\n{}""#, "x".repeat(9999));
    edge.say(&topic("door"), &state(&unseen)).await;
    hub.until(|site| known(site, "door").unseen.is_some()).await;
    let door = known(&hub.registry.edges()[&"site".parse().unwrap()], "door");
    let unseen = door.unseen.unwrap();
    assert!(door.interpreted.is_empty() && unseen.starts_with("H.265 not decodablexx") && unseen.len() == 500);
    // Of an edge of before this was told, and of a camera that needs nothing and is looked at.
    edge.say(&topic("door"), &state("")).await;
    hub.until(|site| site.remarks.is_empty()).await;
    for camera in 0..2 * MAX_CAMERAS {
        edge.say(&topic(&format!("c{camera}")), &state(r#","interpreted":["nonce"]"#)).await;
    }
    edge.say(&topic("c0"), &state(r#","interpreted":["session"]"#)).await;
    hub.until(|site| known(site, "c0").interpreted == ["session"]).await;
    assert_eq!(hub.registry.edges()[&"site".parse().unwrap()].remarks.len(), MAX_CAMERAS);
    edge.edge.connection.close(0u32.into(), b"bye");
    let _again = Values::accept(&hub).await;
    hub.until(|site| site.remarks.is_empty()).await;
}

#[tokio::test]
async fn an_edge_of_a_later_version_stays_connected_though_its_report_is_not_understood() {
    let hub = hub().await;
    let mut edge = Values::accept(&hub).await;
    edge.say(REPORTED, r#"{"version":1,"state":"trial"}"#).await;
    hub.until(|site| site.reported.is_some()).await;
    let health = |waiting: u8| {
        format!(
            r#"{{"uptime_s":9,"clock_plausible":true,"outbox":{{"waiting":{waiting},"given_up":0,"set_aside":0}},"last_run":"ended","unclean_ends":0,"crash_reports":0}}"#
        )
    };
    edge.say("omma/v1/edges/site/health", &health(1)).await;
    for (topic, payload) in [
        (REPORTED, r#"{"version":2,"state":"probation","until":{"hours":9}}"#),
        (REPORTED, "no JSON"),
        ("omma/v1/edges/site/health", "{}"),
        ("omma/v1/edges/site/cameras/door/state", "{}"),
    ] {
        edge.say(topic, payload).await;
    }
    // What it said before of its cameras is not so any more, and nobody here knows what is.
    hub.until(|site| site.reported.is_none()).await;
    // It is told what is desired, and heard, as ever.
    desire(&hub, "site", "first").await;
    edge.hears("first").await;
    edge.say("omma/v1/edges/site/health", &health(2)).await;
    hub.until(|site| site.health.as_ref().is_some_and(|told| told.what.outbox.waiting == 2)).await;
    edge.say(REPORTED, r#"{"version":1,"state":"applied"}"#).await;
    hub.until(|site| site.reported.is_some()).await;
    assert!(edge.edge.connection.close_reason().is_none());
}

#[tokio::test]
async fn a_value_of_another_edge_and_noise_end_the_connection() {
    let hub = hub().await;
    let mut edge = Values::accept(&hub).await;
    edge.say("omma/v1/edges/other/health", "{}").await;
    assert_eq!(edge.edge.closed().await, Close::Protocol as u32);
    let mut edge = Values::accept(&hub).await;
    edge.send.write_all(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).await.unwrap();
    assert_eq!(edge.edge.closed().await, Close::Protocol as u32);
    assert_eq!(hub.registry.edges()[&"site".parse().unwrap()].health, None);
}
