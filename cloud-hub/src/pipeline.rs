//! The hub's table of contents: every step, what stands between two of them, and what happens there when it is full.
//!
//! ```text
//!            ┌─ QUIC ─▶ ingest ─ units, boxes ─▶ bus ─┬──────────────────────────▶ live ─▶ browsers
//!   edges ───┤                                        └─▶ infer ─ boxes ─▶ bus       ▲
//!            └─ MQTT ─▶ broker ─▶ ingest ─┐               └─ events ─▶ store ── feed ┘
//!                          ▲              └─ events, pictures ─▶ store
//!                          └─────────────── acks ◀──────────────┘
//! ```
//!
//! Without a broker (`broker.enabled = false`) events and pictures come over QUIC too, and their acks go back there.
//!
//! | joint | carries | bound | when full |
//! |---|---|---|---|
//! | edge → ingest (QUIC) | group of pictures | 64 MiB of unfinished units an edge | the stream is stopped, counted |
//! | broker → ingest (MQTT) | event, picture | 64 unacknowledged | the broker keeps them |
//! | edge → ingest (QUIC) | event, picture, where there is no broker | 64 unacknowledged and 16 MiB an edge | the edge keeps them |
//! | ingest → store | event, picture | 64 in one transaction | the broker, or the edge, keeps them |
//! | bus → viewer | access unit | each viewer's own | skip to the next key picture |
//! | bus → infer | frame | 1 a stream | the newest wins, counted |
//! | infer → store | event, picture | [`OWN`] | holds the engine back |
//! | store → feed → browser | event | 256 | a slow browser skips, counted |
//! | api → ingest (QUIC) | what an edge shall be | 1 an edge, on disk | the newest wins |
//! | api → ingest (QUIC) | command of a person ([`crate::commands`]) | 16 that wait and 16 under way, an edge | the next one is refused |
//! | store → nowhere | what is too old, or over the budget | 200 in one transaction | the next in 100 ms |
//! | store → broker | event of the hub's own | 256 | not published, counted; without a broker nobody is told |
//!
//! A step that ends unasked ends the hub ([`steps`]). At the end each outlives those that give to it: infer, then the
//! store's own events, then the MQTT ingest, which publishes them.

mod steps;

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use omma_protocol::event::Lasting;
use omma_protocol::id::StreamId;
use omma_runtime::health::{Health, Part};
use omma_runtime::metrics::Metrics;
use omma_runtime::notify::Notifier;
use omma_runtime::{http, shutdown};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::access::{Access, attempts::Attempts, edges::Edges};
use crate::api::{self, Api};
use crate::broker::{Broker, Doors};
use crate::bus::Bus;
use crate::commands::Commands;
use crate::config::{BrokerConfig, Config};
use crate::desired::Desired;
use crate::feed::Feed;
use crate::identity::{Identity, expiry, files};
use crate::infer::{Infer, InferState};
use crate::ingest::keep::Keeper;
use crate::ingest::mqtt::{self, Mqtt, Reach};
use crate::ingest::quic::{Destination, Quic};
use crate::live::LiveState;
use crate::registry::Registry;
use crate::store::{Housekeeping, Store};
use steps::Steps;

/// Events and pictures of the hub's own analysis that wait for the store.
const OWN: usize = 64;
/// How long the steps that still write may take at the end; the broker has a second after it, the store what is left.
const DRAIN: Duration = Duration::from_secs(2);
/// How long the end of all may take: a little under [`shutdown::GRACE`] less [`http::DRAIN`], which is over then.
const END: Duration = Duration::from_millis(3500);

/// The HELP lines of `/metrics`. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    crate::access::attempts::describe();
    crate::broker::describe();
    crate::identity::expiry::describe();
    crate::ingest::quic::describe();
    crate::ingest::mqtt::describe();
    crate::bus::stream::describe();
    crate::store::describe();
    crate::feed::describe();
    crate::infer::describe();
    crate::live::websocket::describe();
    crate::live::whep::metrics::describe();
}

/// Runs the hub until `token` is cancelled.
///
/// # Errors
/// Where a port is taken, what must last can't be opened, or a step has ended unasked.
pub async fn run(config: Config, metrics: Metrics, token: CancellationToken) -> anyhow::Result<()> {
    // The caller's is not ours to cancel.
    let token = token.child_token();
    let health = Health::new();
    let (store_health, infer_health) = (health.part("store"), health.part("infer"));
    let (pictures_health, disk) = (health.part("pictures"), health.part("disk"));

    // Who we are, and who may come in.
    files::make_folder(&config.data).context("open the data folder")?;
    let identity = Identity::open(&config.data, &config.hosts(), SystemTime::now())?;
    let access = Access::open(&config.data).context("read the sign-in token")?;
    let (edges, attempts) = (Edges::open(&config.data)?, Attempts::default());
    let (desired, commands) = (Desired::open(&config.data)?, Commands::default());

    // What is kept, and what is passed on.
    let feed = Feed::default();
    let pictures = config.data.join("pictures");
    let manager = Notifier::from_environment();
    // A large database of an earlier version takes minutes.
    let (store, announcements) = manager.starting(Store::open(&config.database, &pictures, feed.clone())).await?;
    let database =
        config.database.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")).to_owned();
    let house = Housekeeping { rules: config.retention, database, pictures, disk };
    let (bus, registry) = (Bus::new(), Registry::default());
    let keeper = Keeper::new(store.clone(), store_health);

    // Every port is taken before anything runs, so that a taken one ends the start and nothing else.
    let server = http::bind(config.http).await?;
    let destination = Destination {
        bus: bus.clone(),
        registry: registry.clone(),
        keeper: keeper.clone(),
        desired: desired.clone(),
        commands: commands.clone(),
    };
    let quic = Quic::bind(config.quic, &identity, edges.clone(), attempts.clone(), destination)?;
    let doors = Doors { access: access.clone(), edges: edges.clone(), attempts: attempts.clone() };
    let (mut broker, options) = match &config.broker {
        BrokerConfig::Absent => (None, None),
        BrokerConfig::Embedded(embedded) => {
            let broker = Broker::start(embedded, &identity, doors)?;
            let reach = Reach::Embedded { address: broker.address, password: &broker.password };
            let options = mqtt::options(&reach, &identity)?;
            (Some(broker), Some(options))
        }
        BrokerConfig::External(external) => (None, Some(mqtt::options(&Reach::External(external), &identity)?)),
    };
    let live = LiveState::start(
        &config.live,
        bus.clone(),
        registry.clone(),
        access.clone(),
        attempts.clone(),
        feed,
        token.child_token(),
    )?;

    // The steps.
    let mut steps = Steps::new(token.clone());
    let (own, own_waiting) = mpsc::channel(OWN);
    let infer = Infer::start(config.infer.clone(), bus, registry.clone(), own, token.child_token());
    steps.spawn("infer", "infer", watch_infer(infer.state(), infer_health, token.clone()));
    let kept = CancellationToken::new();
    steps.spawn("store", "store", keep_own(store.clone(), own_waiting, token.clone(), kept.clone()));
    steps.spawn("store", "housekeeping", store.clone().keep_house(house, token.clone()));
    steps.spawn("store", "pictures", store.clone().watch_pictures(pictures_health, token.clone()));
    steps.spawn("store", "silent edges", store.clone().give_up_silent(registry.watch(), token.clone()));
    match options {
        Some(options) => {
            let (registry, broker_health) = (registry.clone(), health.part("broker"));
            let mqtt = Mqtt { keeper, registry, announcements, broker_health };
            steps.spawn("ingest", "ingest over MQTT", mqtt.run(options, kept));
        }
        None => {
            drop(announcements);
            tracing::info!(
                "there is no broker (broker.enabled): edges bring events over QUIC, none are told over MQTT"
            );
        }
    }
    steps.spawn("ingest", "ingest over QUIC", quic.run(token.child_token()));
    let renewal = expiry::Renewal::of(&identity, config.data.clone(), config.hosts());
    steps.spawn("ingest", "certificate", renewal.keep(SystemTime::now, token.clone()));
    if let Some(broker) = &mut broker {
        steps.spawn("ingest", "broker", watch_broker(broker.ended(), token.clone()));
    }
    let driver = live.clone();
    steps.spawn("live", "live", async move { driver.ended().await });

    let (infer, unseen) = (infer.state(), infer.unseen());
    let api = Api { store: store.clone(), registry, desired, commands, known: edges, access, attempts, infer, unseen };
    tracing::info!(page = %format_args!("http://{}", server.address()), quic = %config.quic, "the hub is up");
    manager.ready();
    let served = tokio::select! {
        () = server.serve(health, metrics, api::router(api, live), token.clone()) => Ok(()),
        failure = steps.failure() => Err(failure),
    };

    // Those that write to the store end before it does.
    manager.stopping();
    token.cancel();
    let end = async {
        if shutdown::deadline(DRAIN, steps.end()).await.is_err() {
            tracing::debug!("steps did not end in time");
        }
        if let Some(broker) = broker {
            broker.stop().await;
        }
        store.close().await;
    };
    if shutdown::deadline(END, end).await.is_err() {
        tracing::debug!("the hub did not end in time");
    }
    served
}

/// A hub without a model is as ready as it will be: cameras whose placement is `hub` say what is missing. Ends where
/// the engine has ended that could look.
async fn watch_infer(mut state: watch::Receiver<InferState>, part: Part, token: CancellationToken) {
    loop {
        let can_look = match &*state.borrow_and_update() {
            InferState::Loading => {
                part.not_ready("the model is being loaded");
                true
            }
            InferState::Ready { .. } => {
                part.ready();
                true
            }
            InferState::Failing { reason } => {
                part.not_ready(reason.clone());
                true
            }
            InferState::Unavailable { .. } => {
                part.ready();
                false
            }
        };
        match token.run_until_cancelled(state.changed()).await {
            Some(Ok(())) => {}
            Some(Err(_)) if !can_look => return token.cancelled().await,
            _ => return,
        }
    }
}

/// Keeps what the hub's own analysis makes. When the hub ends and all of it is kept, `kept` is cancelled.
async fn keep_own(
    store: Store,
    own: mpsc::Receiver<(StreamId, Lasting)>,
    token: CancellationToken,
    kept: CancellationToken,
) {
    let _cancelled_at_the_end = kept.drop_guard();
    store.keep_own(own).await;
    // A hub without a model makes nothing, from the first moment on.
    token.cancelled().await;
}

/// The broker has its own way to end, [`Broker::stop`].
async fn watch_broker(ended: impl Future<Output = ()>, token: CancellationToken) {
    token.run_until_cancelled(ended).await.unwrap_or_default();
}
