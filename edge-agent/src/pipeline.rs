//! The table of contents: everything that runs, and every joint with its bound.
//!
//! ```text
//!  camera ─▶ source ─▶ Feed ─┬─▶ Looker (gate → decode → … → event) ───────┬─▶ Outbox ─▶ MqttUplink ─▶ broker ─▶ hub
//!                            │                                             └─▶ Results ─┐
//!                            └─▶ groups ────────────────────────────────────────────────┴▶ QuicUplink ─▶ hub
//! ```
//!
//! Without a hub there is no QUIC uplink, and the outbox forgets what the broker has taken.
//!
//! | joint | carries | bound | when full |
//! |---|---|---|---|
//! | source → reader ([`crate::unit`]) | access unit | 2 s of stream, each reader | drop to the next key picture, count |
//! | unit → gate (`analysis/plan.rs`) | access unit | 2 groups of pictures, 24 s, 32 MB | all go; what was skipped can't be looked back at |
//! | look back → live | access unit | 1440 units, 32 MB | the source's queue for this reader takes them, as above |
//! | gate → decode | access unit | as before; a core's turn each | those with tracks, and key pictures, first; who is late and does not catch up goes on at the next key picture, count |
//! | decode → detect | frame | 1 a camera | the newest wins, count; one turn after the other, those with tracks first; of the past each is awaited |
//! | event → outbox | event, picture | 256 batches, then the disk's share | analysis waits; oldest pictures, then oldest closed events, counted and logged |
//! | outbox → MQTT uplink | record | 32 states and 4 pictures in flight; the past's pictures at a limited rate | waits on disk |
//! | results → QUIC uplink | result | 64 | the oldest are lost, count |
//! | QUIC uplink → hub | group of pictures | 1 group a camera | reset the old group's stream, begin at the key picture |

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use omma_media::decode::Decoder;
use omma_protocol::camera::Placement;
use omma_protocol::id::CameraId;
use omma_protocol::unit::Codec;
use omma_runtime::backoff::random_seed;
use omma_runtime::health::{Health, Part};
use omma_runtime::http::Server;
use omma_runtime::metrics::Metrics;
use omma_runtime::supervise;
use omma_vision::detect::{Detector, DetectorConfig};
use omma_vision::engine::EngineChoice;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::analysis::{Eyes, Looker, RESULTS, Told};
use crate::clock::EdgeClock;
use crate::config::checked::{Camera, Config, Upstream};
use crate::detect::Shared;
use crate::outbox::{self, Outbox};
use crate::source::Source;
use crate::state::gates::Gates;
use crate::state::link::{Link, LinkState};
use crate::state::{Reports, State};
use crate::unit::{Feed, Reader};
use crate::uplink::mqtt::MqttUplink;
use crate::uplink::mqtt::broker::Broker;
use crate::uplink::quic::QuicUplink;

/// How long the last events may take to the hub.
const FAREWELL: Duration = Duration::from_secs(1);

/// Parts of `/readyz`.
struct Parts {
    outbox: Part,
    detector: Part,
    pipelines: Part,
}

/// Runs everything until `token` is cancelled, and ends it in the order of the path, so that what was seen last is in
/// the outbox before the outbox ends.
///
/// # Errors
/// When something that the program can't do without can't be had: the outbox, or the detector.
pub async fn run(config: Config, http: Server, metrics: Metrics, token: CancellationToken) -> anyhow::Result<()> {
    let health = Health::new();
    let parts =
        Parts { outbox: health.part("outbox"), detector: health.part("detector"), pipelines: health.part("pipelines") };
    let clock = EdgeClock::start();
    let cameras: Vec<Arc<Camera>> = config.cameras.iter().cloned().map(Arc::new).collect();
    let reports = Reports::new(&config.cameras);
    let gates = Gates::default();
    let (results, _) = broadcast::channel(RESULTS);

    let outbox = open_outbox(&config, parts.outbox).await?;
    let (quic, mqtt) = match &config.upstream {
        Upstream::Hub { .. } => (Some(LinkState::new("quic")), LinkState::new("mqtt")),
        Upstream::Broker { .. } => (None, LinkState::to("mqtt", "the broker")),
    };
    let state = State {
        edge: config.edge().clone(),
        reports: reports.clone(),
        gates: gates.clone(),
        quic: quic.clone(),
        mqtt: mqtt.clone(),
        outbox: outbox.state(),
    };
    let served = tokio::spawn(http.serve(health.clone(), metrics, state.clone().router(), token.clone()));

    // Uplinks outlive the cameras: the last events are still sent.
    let uplinks = CancellationToken::new();
    let feeds: BTreeMap<_, _> = cameras.iter().map(|camera| (camera.id.clone(), Feed::new())).collect();
    let mut last = vec![served, tokio::spawn(clock.clone().follow(uplinks.clone()))];
    if let (Some(join), Some(quic)) = (config.hub(), quic) {
        let (feeds, results, reports) = (feeds.clone(), results.clone(), reports.clone());
        let quic = QuicUplink::new(join.clone(), feeds, results, reports, clock.clone(), quic);
        last.push(tokio::spawn(quic.run(uplinks.clone())));
    }
    last.push(mqtt_uplink(&config, &outbox, &clock, mqtt, &uplinks)?);

    let shared = load_detector(config.detect.clone(), &parts.detector, &token).await?;
    let mut first = vec![];
    for camera in &cameras {
        let Some(feed) = feeds.get(&camera.id) else { continue };
        if let Some(shared) = shared.as_ref().filter(|_| camera.placement == Placement::Edge) {
            let decoder = Decoder::new(Codec::H264, config.decoder)?;
            tracing::debug!(step = "decode", camera = %camera.id, decoder = decoder.name(), "decoder");
            let camera = Arc::clone(camera);
            let units = feed.read("analysis behind", clock.now());
            let eyes = Eyes { decoder, shared: shared.clone() };
            let told = Told { results: results.clone(), outbox: outbox.clone(), gates: gates.clone() };
            let looker = Looker::new(Arc::clone(&camera), clock.clone(), eyes, told, Handle::current());
            first.push(look(&camera.id, looker, units, &token)?);
        }
        let source = Source::new(Arc::clone(camera), feed.clone(), reports.clone(), clock.clone(), random_seed());
        first.push(tokio::spawn(source.run(token.clone())));
    }
    parts.pipelines.ready();
    tracing::info!(edge = %config.edge(), cameras = cameras.len(), "running");

    let outcome = tokio::select! {
        biased;
        () = token.cancelled() => Ok(()),
        ended = one_ends(&mut first, &mut last) => Err(ended),
        () = outbox.ended() => Err(anyhow!("the outbox has ended unasked: see the lines above")),
    };
    token.cancel();
    join_all(first).await;
    send_the_last(&outbox, &state.mqtt).await;
    uplinks.cancel();
    join_all(last).await;
    outbox.end().await;
    outcome
}

/// No part ends unasked. One that does has panicked, which its own line in the log tells: the program then ends as a
/// whole, so that whoever started it starts it again, rather than going on with a camera that nobody looks at.
async fn one_ends(first: &mut Vec<JoinHandle<()>>, last: &mut Vec<JoinHandle<()>>) -> anyhow::Error {
    let cameras = first.len();
    let (ended, at, _) = futures::future::select_all(first.iter_mut().chain(last.iter_mut())).await;
    // A handle that has given its answer must not be asked again.
    drop(if at < cameras { first.swap_remove(at) } else { last.swap_remove(at - cameras) });
    match ended {
        Ok(()) => anyhow!("a part of the program ended unasked: see the lines above"),
        Err(e) => anyhow!("a part of the program ended unasked: {e}"),
    }
}

/// What the cameras' end brought, above all that events are over, still reaches a hub or broker that is there.
async fn send_the_last(outbox: &Outbox, mqtt: &LinkState) {
    if outbox.sync().await.is_ok() && mqtt.now() == Link::Up {
        let mut stored = outbox.state();
        if tokio::time::timeout(FAREWELL, stored.wait_for(|state| state.waiting == 0)).await.is_err() {
            tracing::debug!("the last events wait on disk for the next start");
        }
    }
}

async fn open_outbox(config: &Config, part: Part) -> anyhow::Result<Outbox> {
    let (folder, budget) = (config.data.clone(), config.outbox_budget);
    let opened = tokio::task::spawn_blocking(move || outbox::open(&folder, budget, part)).await?;
    opened.with_context(|| format!("open the outbox in {} (edge.data)", config.data.display()))
}

async fn load_detector(
    config: Option<DetectorConfig>,
    part: &Part,
    token: &CancellationToken,
) -> anyhow::Result<Option<Shared>> {
    let Some(config) = config else {
        part.ready();
        return Ok(None);
    };
    let (wanted, library) = (config.engine, config.onnxruntime.clone());
    let loading = tokio::task::spawn_blocking(move || Detector::load(&config));
    let Some(loaded) = token.run_until_cancelled(loading).await else { return Ok(None) };
    let detector = loaded?.context("load the detector ([detect])")?;
    match detector.note() {
        Some(note) if wanted == EngineChoice::Auto && library.is_some() && detector.engine() == "tract" => {
            tracing::warn!(step = "detect", note, "tract runs the model, two to three times slower than ONNX Runtime");
        }
        note => {
            tracing::info!(step = "detect", engine = detector.engine(), model = detector.model(), note, "detector");
        }
    }
    part.ready();
    Ok(Some(Shared::new(detector)))
}

/// Gives the camera's analysis a thread of its own.
fn look(camera: &CameraId, looker: Looker, units: Reader, token: &CancellationToken) -> anyhow::Result<JoinHandle<()>> {
    let token = token.clone();
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name(format!("look {camera}")).spawn(move || {
        looker.run(units, &token);
        // Nobody waits any more where the program's deadline has passed.
        ended.send(()).unwrap_or_default();
    })?;
    Ok(tokio::spawn(async move { end.await.unwrap_or_default() }))
}

fn mqtt_uplink(
    config: &Config,
    outbox: &Outbox,
    clock: &EdgeClock,
    state: LinkState,
    token: &CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let (broker, hub) = (Broker::of(config)?, config.hub().is_some());
    let (edge, outbox, clock, cancel) = (config.edge().clone(), outbox.clone(), clock.clone(), token.clone());
    let backfill = config.backfill;
    let (done, end) = (CancellationToken::new(), token.clone());
    let finished = done.clone();
    // The supervisor drops the uplink when its token is cancelled; the uplink's own token comes first, for a goodbye.
    let supervised = supervise::spawn("uplink mqtt", done, move || {
        let (edge, broker, outbox) = (edge.clone(), broker.clone(), outbox.clone());
        let uplink = MqttUplink::new(edge, broker, outbox, backfill, clock.clone(), state.clone());
        let uplink = if hub { uplink } else { uplink.without_hub() };
        uplink.run(cancel.clone())
    });
    Ok(tokio::spawn(async move {
        end.cancelled().await;
        if tokio::time::timeout(crate::uplink::mqtt::GOODBYE * 2, supervised).await.is_err() {
            finished.cancel();
        }
    }))
}

async fn join_all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        if let Err(e) = task.await {
            tracing::error!(error = %e, "a task panicked");
        }
    }
}
