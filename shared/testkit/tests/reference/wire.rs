//! One message of each kind that hub and page say to each other, with every key that it can have. The page's own reading of
//! them is kept by hand (`web/src/live/wire.ts`) and tried with these (`wire.fixtures.test.ts`).
//!
//! A key that is added to a message does not compile here until it has a value; a kind, until it stands in [`kind`]. Numbers
//! are such that Rust and JavaScript write them alike.

use omma_protocol::wire::browser::{BoxMessage, BoxesMessage, BrowserToHub, HubToBrowser, Mode};
use omma_protocol::wire::mqtt::{EventMessage, PhaseName, PlaceName, WhyMessage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

const EVENT: &str = "0192d3a0-0000-7000-8000-000000000001";

pub(crate) fn fixtures() -> String {
    let hub = hub();
    let kinds: Vec<_> = hub.iter().map(kind).collect();
    for known in ["boxes", "event", "picture", "clock", "mode", "resync", "error"] {
        assert!(kinds.contains(&known), "there is no {known} here");
    }
    format!("{{\n  \"hub\": [\n{}\n  ],\n  \"browser\": [\n{}\n  ]\n}}\n", lines(&hub), lines(&browser()))
}

fn lines(messages: &[impl Serialize]) -> String {
    let line = |message| format!("    {}", serde_json::to_string(message).unwrap());
    messages.iter().map(line).collect::<Vec<_>>().join(",\n")
}

/// Each of them is looked for above.
fn kind(message: &HubToBrowser) -> &'static str {
    match message {
        HubToBrowser::Boxes(_) => "boxes",
        HubToBrowser::Event(_) => "event",
        HubToBrowser::Picture { .. } => "picture",
        HubToBrowser::Clock { .. } => "clock",
        HubToBrowser::Mode { .. } => "mode",
        HubToBrowser::Resync => "resync",
        HubToBrowser::Error { .. } => "error",
    }
}

fn hub() -> Vec<HubToBrowser> {
    let mut messages = vec![boxes(PlaceName::Edge, true), boxes(PlaceName::Hub, false)];
    let whys = [
        why("seen"),
        WhyMessage { zone: Some("drive".to_owned()), ..why("inside") },
        WhyMessage { seconds: Some(2.5), ..why("stayed") },
        WhyMessage { zone: Some("drive".to_owned()), seconds: Some(0.25), ..why("stayed") },
        WhyMessage { line: Some("kerb".to_owned()), direction: Some("out".to_owned()), ..why("crossed") },
        WhyMessage { zone: Some("queue".to_owned()), count: Some(5), limit: Some(4), ..why("over") },
        WhyMessage { count: Some(0), limit: Some(1), ..why("under") },
    ];
    messages.push(event(PhaseName::Opened, None));
    messages.extend(whys.map(|why| event(PhaseName::Updated, Some(why))));
    messages.push(event(PhaseName::Closed, Some(why("seen"))));
    messages.extend([
        HubToBrowser::Picture { event: EVENT.to_owned(), revision: u32::MAX, has_crop: true },
        HubToBrowser::Picture { event: EVENT.to_owned(), revision: 1, has_crop: false },
        HubToBrowser::Clock { id: u32::MAX, stream_us: 1_790_000_000_123_456 },
        HubToBrowser::Mode { mode: Mode::Live, delay_ms: 0, hold_ms: 0 },
        HubToBrowser::Mode { mode: Mode::Exact, delay_ms: 120, hold_ms: 340 },
        HubToBrowser::Resync,
        HubToBrowser::Error { reason: "why \"not\"".to_owned() },
    ]);
    messages
}

fn boxes(place: PlaceName, found: bool) -> HubToBrowser {
    let one = BoxMessage { track: 7, label: "traffic light".to_owned(), score: 0.875, rect: [0.125, 0.25, 0.5, 0.75] };
    HubToBrowser::Boxes(BoxesMessage {
        stream: read("site.door"),
        rtp: u32::MAX,
        time_us: 1_790_000_000_123_456,
        delay_ms: 41.5,
        place,
        engine: "tract".to_owned(),
        model: "nanodet-g-256x416".to_owned(),
        boxes: if found { vec![one.clone(), BoxMessage { track: 8, ..one }] } else { vec![] },
    })
}

fn event(phase: PhaseName, why: Option<WhyMessage>) -> HubToBrowser {
    let is_edges = why.is_some();
    HubToBrowser::Event(EventMessage {
        outbox: is_edges.then(|| read("00000000-0000-4000-8000-000000000002")),
        sequence: is_edges.then_some(8),
        id: read(EVENT),
        stream: read("site.door"),
        phase,
        revision: 3,
        label: "person".to_owned(),
        track: 4,
        score: 0.5,
        rect: [0.25, 0.5, 0.125, 0.25],
        opened_us: 1_790_000_000_000_001,
        best_us: 1_790_000_000_000_002,
        closed_us: (phase == PhaseName::Closed).then_some(1_790_000_000_000_003),
        rule: why.is_some().then(|| "stranger in the drive".to_owned()),
        why: why.map(Box::new),
        place: if is_edges { PlaceName::Edge } else { PlaceName::Hub },
        engine: "ort".to_owned(),
        model: "nanodet-g-416x640".to_owned(),
    })
}

fn why(kind: &str) -> WhyMessage {
    WhyMessage {
        kind: kind.to_owned(),
        zone: None,
        line: None,
        direction: None,
        seconds: None,
        count: None,
        limit: None,
    }
}

fn browser() -> Vec<BrowserToHub> {
    vec![
        BrowserToHub::Auth { token: "token".to_owned() },
        BrowserToHub::Watch { stream: Some(read("site.door")) },
        BrowserToHub::Watch { stream: None },
        BrowserToHub::Clock { id: 7 },
        BrowserToHub::Mode { mode: Mode::Live },
        BrowserToHub::Mode { mode: Mode::Exact },
    ]
}

/// A name or an id.
fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_value(json!(text)).unwrap()
}
