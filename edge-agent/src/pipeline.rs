//! The table of contents: everything that runs, and every joint with its bound.
//!
//! ```text
//!  camera ─▶ source ─▶ Feed ─┬─▶ Looker (gate → decode → … → event) ───────┬─▶ Outbox ─▶ MqttUplink ─▶ broker ─▶ hub
//!                            │                                             └─▶ Results ─┐
//!                            └─▶ groups ────────────────────────────────────────────────┴▶ QuicUplink ─▶ hub
//! ```
//!
//! Of a camera with a sub-stream, the Looker reads that one's Feed, and its results go through
//! [`crate::analysis::frame_match`], which gives them the times of the main stream's frames.
//!
//! Without a hub there is no QUIC uplink, and the outbox forgets what the broker has taken. With a hub that has no broker
//! there is no MQTT uplink: the QUIC uplink has the outbox's records too, and nobody is told of values. Cameras begin and
//! end while the program runs: [`Cameras`] joins the steps of each as the picture shows. Beside the path, [`Control`] owns
//! them and does what is asked over MQTT, and what the hub desires and asks over QUIC; [`Teller`] says over MQTT how they are.
//!
//! | joint | carries | bound | when full |
//! |---|---|---|---|
//! | camera's picture → encoder ([`crate::source::encoded`]) | picture of an HTTP camera | 1 | the newest wins, count |
//! | source → reader ([`crate::unit`]) | access unit | 2 s of stream, each reader | drop to the next key picture, count |
//! | unit → gate (`analysis/plan.rs`) | access unit | 2 groups of pictures, 24 s, 32 MB | all go; what was skipped can't be looked back at |
//! | look back → live | access unit | 1440 units, 32 MB | the source's queue for this reader takes them, as above |
//! | gate → decode | access unit | as before; a core's turn each | who has a seat first; key pictures within 400 ms; who has none, or is late and does not catch up, goes on at the next key picture, count |
//! | decode → detect | frame | 1 a camera | the newest wins, count; one turn after the other, those with tracks first; of the past each is awaited |
//! | results of a sub-stream → main stream's frames | result | 64, each 0.5 s | goes on with its own time, count |
//! | what befell the edge ([`Incidents`]), its outbox → outbox | incident | as of events | as of events |
//! | event → outbox | event, picture | the disk's share; 16 MB of memory while the disk takes nothing; 256 batches | oldest pictures, then oldest closed events, counted and logged; of the last, analysis waits for some seconds |
//! | outbox → MQTT uplink, or QUIC's where there is no broker | record | 32 states, 4 incidents and 4 pictures or 256 KB of them in flight; the past's pictures at a limited rate | waits on disk, or in memory while that takes nothing |
//! | results → QUIC uplink | result | 64 | the oldest are lost, count |
//! | results → [`Teller`] | result | 64 | the oldest are lost, count |
//! | state, [`Teller`] → MQTT uplink ([`crate::control::notices`]) | value | 1 a topic | the newest wins |
//! | MQTT uplink → control | question | 128 | the newest is answered with that, count |
//! | QUIC uplink → control | what the hub desires | 1, in the same 128 | waits for room |
//! | QUIC uplink → control | command of the hub's | 16 under way, in the same 128 | answered with that |
//! | state, [`Control`] → QUIC uplink | health, how each camera is, what became of a desire | 1 each | the newest wins |
//! | control → MQTT uplink | answer | 16 | the oldest is lost, count |
//! | QUIC uplink → hub | group of pictures | 1 group a camera, of it 10 s or 16 MB | reset the old group's stream, begin at the key picture; of the same group, nothing more until then, count |

use std::sync::Arc;

use anyhow::{Context, anyhow};
use edge_core::home_assistant::Announcer;
use omma_runtime::crash::{Past, Record};
use omma_runtime::health::{Health, Part};
use omma_runtime::http::Server;
use omma_runtime::metrics::Metrics;
use omma_runtime::notify::Notifier;
use omma_runtime::supervise;
use omma_vision::detect::DetectorConfig;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::analysis::{RESULTS, Told};
use crate::cameras::{Cameras, Surroundings};
use crate::clock::EdgeClock;
use crate::config::checked::{Camera, Config, Upstream};
use crate::control::Control;
use crate::control::configuration::Configuration;
use crate::control::notices::{Notices, Question};
use crate::control::tell::Teller;
use crate::detect::Shared;
use crate::health::incidents::{self, Incidents};
use crate::health::watchdog::{self, Pulse, Watchdog};
use crate::health::{HealthWatch, Leave, Why};
use crate::outbox::{self, Outbox};
use crate::source::v4l2::DeviceLocks;
use crate::state::gates::Gates;
use crate::state::link::LinkState;
use crate::state::switches::Switches;
use crate::state::{Reports, State};
use crate::step;
use crate::unit::Feeds;
use crate::uplink::mqtt::MqttUplink;
use crate::uplink::mqtt::broker::Broker;
use crate::uplink::quic::QuicUplink;
use crate::uplink::quic::values::Values;

mod ending;

use ending::{join_all, one_ends, send_the_last};

/// Parts of `/readyz`.
struct Parts {
    outbox: Part,
    detector: Part,
    pipelines: Part,
}

/// The ways out.
struct Links {
    /// Where there is a hub.
    quic: Option<LinkState>,
    /// Where there is a broker.
    mqtt: Option<LinkState>,
    /// The one of them that what must last takes.
    lasting: LinkState,
}

impl Links {
    fn of(config: &Config) -> Self {
        let to_hub = || LinkState::new("quic");
        match &config.upstream {
            Upstream::Hub { .. } if config.has_broker() => {
                let mqtt = LinkState::new("mqtt");
                Self { quic: Some(to_hub()), mqtt: Some(mqtt.clone()), lasting: mqtt }
            }
            Upstream::Hub { .. } => {
                let quic = to_hub();
                Self { quic: Some(quic.clone()), mqtt: None, lasting: quic }
            }
            Upstream::Broker { .. } => {
                let mqtt = LinkState::to("mqtt", "the broker");
                Self { quic: None, mqtt: Some(mqtt.clone()), lasting: mqtt }
            }
        }
    }
}

/// Who is told of the program itself.
#[derive(Debug, Default)]
pub struct Supervision {
    /// The service manager.
    pub notifier: Notifier,
    /// Who watches that every step gets on.
    pub watchdog: Watchdog,
    /// Ends the program though nobody asked for it.
    pub leave: Leave,
    /// What earlier runs left.
    pub past: Past,
    /// Keeps what this one leaves; where there is one, what it has is told to the hub.
    pub record: Option<Record>,
}

/// The HELP lines of `/metrics`. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    crate::source::describe();
    crate::analysis::meters::describe();
    crate::analysis::frame_match::describe();
    crate::outbox::describe();
    crate::state::link::describe();
    crate::uplink::describe();
    crate::control::describe();
    crate::health::describe();
}

/// Runs everything until `token` is cancelled, and ends it in the order of the path, so that what was seen last is in
/// the outbox before the outbox ends. Ends by itself too, where `supervision.leave` says so.
///
/// # Errors
/// When something that the program can't do without can't be had: the outbox, or the detector.
pub async fn run(
    config: Config,
    http: Server,
    metrics: Metrics,
    supervision: Supervision,
    token: CancellationToken,
) -> anyhow::Result<()> {
    let Supervision { notifier, watchdog, leave, past, record } = supervision;
    let health = Health::new();
    let parts =
        Parts { outbox: health.part("outbox"), detector: health.part("detector"), pipelines: health.part("pipelines") };
    let clock = EdgeClock::start();
    let (notices, questions) = notices(&config);
    let (config, configuration) = open_configuration(config, notices.clone()).await?;
    let wanted = configuration.cameras();
    let cameras: Vec<Arc<Camera>> = wanted.borrow().clone();
    let reports = Reports::new(cameras.iter().map(|camera| &**camera));
    let subs = Reports::of_sub_streams(cameras.iter().map(|camera| &**camera));
    let gates = Gates::default();
    let (results, _) = broadcast::channel(RESULTS);

    let outbox = open_outbox(&config, parts.outbox, watchdog.pulse("outbox", watchdog::OUTBOX)).await?;
    let Links { quic, mqtt, lasting } = Links::of(&config);
    let (data, memory) = (config.data.clone(), config.memory);
    let watch = HealthWatch::new(data, memory, clock.clone(), reports.clone(), notifier.clone(), leave.clone(), past);
    let state = State {
        edge: config.edge().clone(),
        reports: reports.clone(),
        subs: subs.clone(),
        gates: gates.clone(),
        switches: Switches::new(cameras.iter().map(|camera| &**camera)),
        quic: quic.clone(),
        mqtt: mqtt.clone(),
        outbox: outbox.state(),
        health: watch.state(),
    };
    let there = wanted.clone();
    let labels = config.detect.as_ref().and_then(|detect| detect.labels.as_deref());
    let teller = config
        .has_broker()
        .then(|| Teller::new(notices.clone(), clock.clone(), state.clone(), results.subscribe(), wanted, labels));
    let served = tokio::spawn(http.serve(health.clone(), metrics, state.clone().router(), token.clone()));

    // Uplinks outlive the cameras: the last events are still sent.
    let uplinks = CancellationToken::new();
    let feeds = Feeds::default();
    cameras.iter().for_each(|camera| drop(feeds.of(&camera.id)));
    let runtime = watchdog.pulse("runtime", watchdog::RUNTIME);
    let beats = tokio::spawn(runtime.beat_always(uplinks.clone()));
    let watching = tokio::spawn(watch.run(uplinks.clone()));
    let mut last = vec![served, beats, watching];
    last.extend(teller.map(|teller| tokio::spawn(teller.run(uplinks.clone()))));
    if let Some(record) = record {
        let incidents = Incidents::new(config.edge().clone(), record, outbox.clone(), clock.clone());
        last.push(tokio::spawn(incidents.run(uplinks.clone())));
    }
    let hub = quic.as_ref().map(LinkState::watch);
    if let (Some(join), Some(quic)) = (config.hub(), quic) {
        let (feeds, results, reports) = (feeds.clone(), results.clone(), reports.clone());
        let quic = QuicUplink::new(join.clone(), feeds, results, reports, clock.clone(), quic);
        let quic = if config.has_broker() { quic } else { quic.carrying(outbox.clone(), config.backfill) };
        let quic = quic.telling(Values::new(notices.clone(), configuration.reported(), state.clone(), there));
        last.push(tokio::spawn(quic.run(uplinks.clone())));
    }
    match mqtt {
        Some(mqtt) => last.push(mqtt_uplink(&config, &outbox, &notices, &clock, mqtt, &uplinks)?),
        None => tracing::info!(
            "the hub has no broker: events go to it over QUIC, and there are neither commands nor Home Assistant, which are \
             MQTT's"
        ),
    }

    let detector = load_detector(config.detect.clone(), &parts.detector, &token).await?;
    if let Some(why) = config.decoder.shortfall() {
        tracing::warn!(
            step = "decode",
            why,
            "the device of decode.decoder can't be had: libavcodec decodes in software"
        );
    }
    let told = Told { results, outbox: outbox.clone(), gates, notices: notices.clone(), data: config.data.clone() };
    let mut running = Cameras::new(Surroundings {
        clock: clock.clone(),
        reports,
        subs,
        told,
        decoder: config.decoder,
        detector,
        detector_part: parts.detector.clone(),
        feeds,
        switches: state.switches.clone(),
        device_locks: DeviceLocks::default(),
        watchdog,
    });
    cameras.iter().cloned().try_for_each(|camera| running.begin(camera))?;
    let (switches, link) = (state.switches.clone(), lasting.watch());
    let mut control = Control { cameras: running, configuration, switches, notices, questions, link, hub, clock };
    parts.pipelines.ready();
    notifier.ready();
    tracing::info!(edge = %config.edge(), cameras = cameras.len(), "running");

    let outcome = tokio::select! {
        biased;
        () = token.cancelled() => Ok(()),
        () = leave.asked() => Ok(()),
        ended = control.serve() => Err(ended),
        ended = one_ends(&mut last, &token) => Err(ended),
        () = outbox.ended() => Err(anyhow!("the outbox has ended unasked: see the lines above")),
    };
    // What begins anew under its process id is no service that stops.
    if leave.why() != Some(Why::ClockSetBack) {
        notifier.stopping();
    }
    token.cancel();
    control.end().await;
    if let Some(why) = leave.why() {
        let health = state.health.borrow().clone();
        if let Err(e) = incidents::tell_leaving(&outbox, why, &health).await {
            tracing::debug!(error = %e, "tell why the program leaves");
        }
    }
    send_the_last(&outbox, &lasting).await;
    uplinks.cancel();
    join_all(last).await;
    outbox.end().await;
    outcome
}

/// The file's configuration with the cameras that run, and who changes them.
async fn open_configuration(file: Config, notices: Notices) -> anyhow::Result<(Config, Configuration)> {
    Ok(tokio::task::spawn_blocking(move || Configuration::open(file, notices)).await?)
}

async fn open_outbox(config: &Config, part: Part, pulse: Pulse) -> anyhow::Result<Outbox> {
    let (folder, budget) = (config.data.clone(), config.outbox_budget);
    let opened = tokio::task::spawn_blocking(move || outbox::open_watched(&folder, budget, part, pulse)).await?;
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
    let Some(loaded) = token.run_until_cancelled(Shared::load(config, part.clone())).await else { return Ok(None) };
    Ok(Some(loaded?))
}

/// On its hub's broker an edge publishes no snapshots: the hub has the pictures already, and the uplink may be weak.
fn notices(config: &Config) -> (Notices, mpsc::Receiver<Question>) {
    let snapshots = config.own_broker().is_some();
    let announcer = config.home_assistant.clone().map(|prefix| Announcer {
        prefix,
        edge: config.edge().clone(),
        version: env!("CARGO_PKG_VERSION"),
        snapshots,
    });
    Notices::new(config.edge().clone(), snapshots, announcer)
}

fn mqtt_uplink(
    config: &Config,
    outbox: &Outbox,
    notices: &Notices,
    clock: &EdgeClock,
    state: LinkState,
    token: &CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let (broker, hub) = (Broker::of(config)?, config.hub().is_some());
    let (edge, outbox, clock, cancel) = (config.edge().clone(), outbox.clone(), clock.clone(), token.clone());
    let (backfill, notices) = (config.backfill, notices.clone());
    let (done, end) = (CancellationToken::new(), token.clone());
    let finished = done.clone();
    let _uplink = step::UPLINK.span().entered();
    // The supervisor drops the uplink when its token is cancelled; the uplink's own token comes first, for a goodbye.
    let supervised = supervise::spawn("uplink mqtt", done, move || {
        let (edge, broker, outbox) = (edge.clone(), broker.clone(), outbox.clone());
        let uplink = MqttUplink::new(edge, broker, outbox, backfill, notices.clone(), clock.clone(), state.clone());
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
