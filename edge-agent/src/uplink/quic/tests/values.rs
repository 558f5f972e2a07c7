//! How the edge shall be and is, on the stream that the hub opens.

use edge_core::interpreter::{Mend, Mends};
use omma_protocol::camera::Placement;
use omma_protocol::wire::mqtt::{
    CameraMessage, HealthMessage, PROP_RESPONSE, PROP_REVISION, ReportedMessage, ReportedState, ResponseMessage, Topic,
};
use omma_protocol::wire::quic::lasting::{Record, RecordReader, encode_record_head};
use omma_protocol::wire::quic::values::STREAM_VALUES;
use tokio::sync::{mpsc, watch};

use super::*;
use crate::config::checked::{Camera, DeviceOptions, HttpOptions};
use crate::control::notices::{Notices, Question, Reply, Way};
use crate::health::HealthState;
use crate::source::url::CameraUrl;
use crate::state::gates::Gates;
use crate::state::switches::Switches;
use crate::state::{OutboxState, State};

struct Running {
    peer: Peer,
    send: SendStream,
    receive: RecvStream,
    reader: RecordReader,
    asked: mpsc::Receiver<Question>,
    reported: watch::Sender<ReportedMessage>,
    health: watch::Sender<HealthState>,
    _outbox: watch::Sender<OutboxState>,
    cameras: Reports,
    _there: watch::Sender<Vec<Arc<Camera>>>,
    state: LinkState,
    token: CancellationToken,
    uplink: tokio::task::JoinHandle<()>,
}

fn report(state: ReportedState) -> ReportedMessage {
    let version = ReportedMessage::VERSION;
    ReportedMessage { version, state, desired: None, running: None, revision: None, reasons: vec![] }
}

impl Running {
    async fn start(hub: &Hub) -> Self {
        Self::with(hub, vec![]).await
    }

    async fn with(hub: &Hub, cameras: Vec<Arc<Camera>>) -> Self {
        let (notices, asked) = Notices::new(hub.join.edge.clone(), false, None);
        let (reported, _) = watch::channel(report(ReportedState::File));
        let (health, _) = watch::channel(HealthState::default());
        let (outbox, _) = watch::channel(OutboxState::default());
        let here = State {
            edge: hub.join.edge.clone(),
            reports: Reports::new(cameras.iter().map(|camera| &**camera)),
            subs: Reports::new([]),
            gates: Gates::default(),
            switches: Switches::new([]),
            quic: None,
            mqtt: None,
            outbox: outbox.subscribe(),
            health: health.subscribe(),
        };
        let (told_cameras, (there, _)) = (here.reports.clone(), watch::channel(cameras));
        let values = Values::new(notices, reported.subscribe(), here, there.subscribe());
        let (results, state) = (tokio::sync::broadcast::channel(1).0, LinkState::new("quic"));
        let (feeds, reports) = (Feeds::default(), Reports::new([]));
        let uplink = QuicUplink::new(hub.join.clone(), feeds, results, reports, EdgeClock::start(), state.clone());
        let token = CancellationToken::new();
        let uplink = tokio::spawn(uplink.telling(values).run(token.clone()));
        let peer = hub.accept(HubToEdge::Welcome).await;
        let (mut send, receive) = peer.connection.open_bi().await.unwrap();
        send.write_all(&[STREAM_VALUES]).await.unwrap();
        let reader = RecordReader::new(STREAM_VALUES);
        let (cameras, _there, _outbox) = (told_cameras, there, outbox);
        Self { peer, send, receive, reader, asked, reported, health, _outbox, cameras, _there, state, token, uplink }
    }

    async fn hear(&mut self) -> Record {
        let hear = async {
            loop {
                if let Some(record) = self.reader.next_record().unwrap() {
                    return record;
                }
                let chunk = self.receive.read_chunk(65_536, true).await.unwrap().expect("the edge closed the stream");
                self.reader.push(&chunk.bytes);
            }
        };
        tokio::time::timeout(LONG, hear).await.expect("the edge says nothing")
    }

    async fn hears(&mut self, state: ReportedState) {
        let record = self.hear().await;
        assert_eq!(record.topic, "omma/v1/edges/site-1/config/reported");
        assert_eq!(serde_json::from_slice::<ReportedMessage>(&record.payload).unwrap().state, state);
    }

    async fn say(&mut self, topic: &str, revision: Option<&str>, payload: &'static str) {
        self.say_with(topic, revision.map(|revision| (PROP_REVISION, revision)), payload).await;
    }

    async fn say_with(&mut self, topic: &str, property: Option<(&str, &str)>, payload: &'static str) {
        let properties = property.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        let record = Record { topic: topic.to_owned(), properties, payload: payload.into() };
        self.send.write_all(&encode_record_head(&record).unwrap()).await.unwrap();
        self.send.write_all(&record.payload).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_to_be_told_does_not_end_the_connection_and_what_comes_after_is_told() {
    let hub = Hub::start(TransportConfig::default());
    let mut edge = Running::start(&hub).await;
    edge.hears(ReportedState::File).await;
    let endless = vec!["x".repeat(1000); 3000];
    edge.reported.send_replace(ReportedMessage { reasons: endless, ..report(ReportedState::Refused) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    edge.reported.send_replace(report(ReportedState::Trial));
    edge.hears(ReportedState::Trial).await;
    edge.token.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_the_hub_is_asked_and_its_answer_goes_where_it_says() {
    const DETECTION: &str = "omma/v1/edges/site-1/cameras/door/command/detection";
    let hub = Hub::start(TransportConfig::default());
    let mut edge = Running::start(&hub).await;
    edge.hears(ReportedState::File).await;
    for name in ["c7", "c8"] {
        edge.say_with(DETECTION, Some((PROP_RESPONSE, name)), "OFF").await;
    }
    let mut asked = vec![];
    while asked.len() < 2 {
        let question = tokio::time::timeout(LONG, edge.asked.recv()).await.unwrap().unwrap();
        assert_eq!(question.topic.to_string(), DETECTION);
        assert_eq!((question.way, &question.payload[..]), (Way::Hub { revision: None }, &b"OFF"[..]));
        let Reply::Hub(answer) = question.reply else { panic!("{:?}", question.reply) };
        asked.push(answer);
    }
    // What is done first is answered first.
    for (name, result) in [("c8", Ok(())), ("c7", Err(vec!["there is no camera".to_owned()]))] {
        let answer = ResponseMessage::of(result);
        asked.pop().unwrap().send(answer.clone()).unwrap();
        let record = edge.hear().await;
        assert_eq!(record.topic, format!("omma/v1/edges/site-1/responses/{name}"));
        assert_eq!(serde_json::from_slice::<ResponseMessage>(&record.payload).unwrap(), answer);
    }
    edge.token.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_hub_desires_is_asked_and_it_is_told_what_became_of_it_and_how_the_edge_is() {
    let hub = Hub::start(TransportConfig::default());
    let mut edge = Running::start(&hub).await;
    edge.hears(ReportedState::File).await;
    // A later hub may say more.
    edge.say("omma/v9/whatever", None, "x").await;
    edge.say("omma/v1/edges/site-1/config/desired", Some("7"), "[[camera]]").await;
    let question = tokio::time::timeout(LONG, edge.asked.recv()).await.unwrap().unwrap();
    assert_eq!(question.topic, Topic::Desired(hub.join.edge.clone()));
    assert_eq!((question.way, &question.payload[..]), (Way::Hub { revision: Some(7) }, &b"[[camera]]"[..]));
    edge.reported.send_replace(report(ReportedState::Trial));
    edge.hears(ReportedState::Trial).await;
    // Not before the machine was looked at.
    edge.health.send_modify(|health| (health.uptime_s, health.looked) = (9, true));
    let record = edge.hear().await;
    assert_eq!(record.topic, "omma/v1/edges/site-1/health");
    assert_eq!(serde_json::from_slice::<HealthMessage>(&record.payload).unwrap().uptime_s, 9);
    // Who reports ends before the uplink does.
    drop(edge.reported);
    assert_eq!(edge.peer.hear().await, EdgeToHub::Cameras(vec![]));
    edge.peer.answers(3).await;
    assert_eq!(edge.state.now(), crate::state::link::Link::Up);
    edge.token.cancel();
    tokio::time::timeout(LONG, edge.uplink).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hub_of_a_later_version_desires_in_its_own_way_is_refused_over_a_connection_that_stays() {
    let hub = Hub::start(TransportConfig::default());
    let mut edge = Running::start(&hub).await;
    edge.hears(ReportedState::File).await;
    for revision in [None, Some("2.1")] {
        edge.say("omma/v1/edges/site-1/config/desired", revision, "[[camera]]").await;
        let refused = edge.hear().await;
        let refused: ReportedMessage = serde_json::from_slice(&refused.payload).unwrap();
        assert_eq!((refused.state, refused.revision), (ReportedState::Refused, None));
        assert!(refused.reasons[0].contains(PROP_REVISION), "{refused:?}");
    }
    assert!(edge.asked.try_recv().is_err());
    // What it desires as this version knows it is asked.
    edge.say("omma/v1/edges/site-1/config/desired", Some("7"), "[[camera]]").await;
    let question = tokio::time::timeout(LONG, edge.asked.recv()).await.unwrap().unwrap();
    assert_eq!(question.way, Way::Hub { revision: Some(7) });
    assert_eq!(edge.state.now(), crate::state::link::Link::Up);
    edge.token.cancel();
    tokio::time::timeout(LONG, edge.uplink).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desire_of_another_edge_ends_the_connection() {
    let hub = Hub::start(TransportConfig::default());
    let mut edge = Running::start(&hub).await;
    edge.say("omma/v1/edges/other/config/desired", Some("7"), "[[camera]]").await;
    let mut state = edge.state.watch();
    let down = |link: &crate::state::link::Link| matches!(link, crate::state::link::Link::Down { .. });
    tokio::time::timeout(LONG, state.wait_for(down)).await.expect("still up").unwrap();
    assert!(edge.asked.try_recv().is_err());
    edge.token.cancel();
    tokio::time::timeout(LONG, edge.uplink).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_right_of_a_camera_is_told_at_the_beginning_and_when_it_changes() {
    let hub = Hub::start(TransportConfig::default());
    let camera = Camera {
        id: "door".parse().unwrap(),
        name: "Door".to_owned(),
        url: CameraUrl::parse("rtsp://192.0.2.20/door").unwrap(),
        sub_url: None,
        transport: crate::config::Transport::Auto,
        http: HttpOptions::default(),
        device: DeviceOptions::default(),
        placement: Placement::None,
        rate: 5.0,
        min_score: 0.5,
        gate: omma_vision::gate::GateConfig::default(),
        rules: omma_vision::event::rule::config::RulesConfig::default(),
    };
    let door = camera.id.clone();
    let mut edge = Running::with(&hub, vec![Arc::new(camera)]).await;
    let mut told = vec![];
    let mut mends = Mends::default();
    while told.len() < 3 {
        let record = edge.hear().await;
        if record.topic == "omma/v1/edges/site-1/config/reported" {
            continue;
        }
        assert_eq!(record.topic, "omma/v1/edges/site-1/cameras/door/state");
        told.push(serde_json::from_slice::<CameraMessage>(&record.payload).unwrap().interpreted);
        match told.len() {
            1 => assert!(mends.insert(Mend::RtpInfo)),
            _ => mends.remove(Mend::RtpInfo),
        }
        edge.cameras.interpreted(&door, mends);
    }
    assert_eq!(told, [vec![], vec!["rtp_info".to_owned()], vec![]]);
    edge.token.cancel();
    tokio::time::timeout(LONG, edge.uplink).await.unwrap().unwrap();
}
