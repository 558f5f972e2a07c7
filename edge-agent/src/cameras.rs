//! The cameras that run, each with everything of its own: source, feed, and analysis where the edge looks at it; of one
//! with a sub-stream, source and feed twice, the second for the analysis alone.
//!
//! ```text
//! begin ──▶ running ──restart, or another configuration──▶ ending (asked) ──▶ running, or gone
//!              │ ends unasked: the program ends as a whole
//!              ▼
//!            end
//! ```
//!
//! One task owns them: [`crate::control`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use futures::future::OptionFuture;
use omma_media::decode::{Decoder, DecoderChoice};
use omma_media::frame::FramePool;
use omma_media::jpeg;
use omma_protocol::id::CameraId;
use omma_runtime::backoff::random_seed;
use omma_runtime::health::Part;
use omma_vision::analysis::{PICTURE_QUALITY, PICTURE_SIDE};
use omma_vision::detect::DetectorConfig;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::analysis::{Eyes, Looker, RESULTS, Told, frame_match};
use crate::clock::EdgeClock;
use crate::config::checked::Camera;
use crate::detect::Shared;
use crate::health::watchdog::{self, Watchdog};
use crate::source::Source;
use crate::source::v4l2::DeviceLocks;
use crate::state::Reports;
use crate::state::switches::Switches;
use crate::unit::{Feed, Feeds, Reader};

/// How long a camera may take to end before it is taken to hang: what its analysis has begun comes first, and may take as long
/// as the watchdog allows.
const END: Duration = watchdog::ANALYSIS;

/// What all cameras share.
#[derive(Clone)]
pub struct Surroundings {
    /// The time.
    pub clock: EdgeClock,
    /// Who is told how each fares.
    pub reports: Reports,
    /// And how the sub-stream of each, where it has one.
    pub subs: Reports,
    /// Who is told what was seen.
    pub told: Told,
    /// Which program decodes.
    pub decoder: DecoderChoice,
    /// Loaded where the edge looks at a camera.
    pub detector: Option<Shared>,
    /// Tells whether it works.
    pub detector_part: Part,
    /// Where each camera's units come.
    pub feeds: Feeds,
    /// Which are looked at just now.
    pub switches: Switches,
    /// Whose thread may have which device open.
    pub device_locks: DeviceLocks,
    /// Who watches that each gets on.
    pub watchdog: Watchdog,
}

/// The cameras that run.
pub struct Cameras {
    surroundings: Surroundings,
    running: BTreeMap<CameraId, Running>,
    tasks: JoinSet<CameraId>,
}

struct Running {
    camera: Arc<Camera>,
    token: CancellationToken,
}

impl Cameras {
    /// None yet.
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, running: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// Begins a camera that does not run.
    ///
    /// # Errors
    /// When there can be no decoder or no thread.
    pub fn begin(&mut self, camera: Arc<Camera>) -> anyhow::Result<()> {
        let (token, id) = (CancellationToken::new(), camera.id.clone());
        let Surroundings { clock, reports, subs, told, feeds, device_locks, .. } = &self.surroundings;
        let (feed, mut told) = (feeds.of(&id), told.clone());
        // Its units go to nobody but the analysis.
        let sub = camera.sub_stream().map(|stream| (Arc::new(stream), Feed::new()));
        let matched = sub.is_some().then(|| {
            let (found, receiver) = broadcast::channel(RESULTS);
            let results = std::mem::replace(&mut told.results, found);
            frame_match::run(id.clone(), feed.read("frame match behind", clock.now()), receiver, results, clock.clone())
        });
        let looked = self.look(&camera, sub.as_ref().map_or(&feed, |(_, feed)| feed), told, &token)?;
        let lock = camera.url.device().map(|device| device_locks.of(&device)).unwrap_or_default();
        let source = |camera, feed, reports: &Reports| {
            Source::new(camera, feed, reports.clone(), clock.clone(), lock.clone(), random_seed())
        };
        let main = source(Arc::clone(&camera), feed, reports);
        let sub = sub.map(|(camera, feed)| source(camera, feed, subs));
        let (cancelled, name) = (token.clone(), id.clone());
        self.tasks.spawn(async move {
            let sourced = async {
                let sub = OptionFuture::from(sub.map(|sub| sub.run(cancelled.clone())));
                tokio::join!(main.run(cancelled.clone()), sub, OptionFuture::from(matched));
            };
            match looked {
                None => sourced.await,
                Some(looked) => {
                    tokio::pin!(sourced, looked);
                    tokio::select! {
                        () = &mut sourced => if cancelled.is_cancelled() { looked.await.unwrap_or_default() },
                        // An end without a word is a panic of the thread.
                        ended = &mut looked => if ended.is_ok() && cancelled.is_cancelled() { sourced.await },
                    }
                }
            }
            name
        });
        self.running.insert(id, Running { camera, token });
        Ok(())
    }

    /// Gives the camera's analysis a thread of its own, and tells when that has ended. `None` where nobody looks here.
    fn look(
        &self,
        camera: &Arc<Camera>,
        feed: &Feed,
        told: Told,
        token: &CancellationToken,
    ) -> anyhow::Result<Option<oneshot::Receiver<()>>> {
        let Surroundings { clock, decoder, detector, switches, watchdog, .. } = &self.surroundings;
        let (Some(detector), Some(wanted)) = (detector, switches.watch(&camera.id)) else { return Ok(None) };
        let name = detector.decoders().check(&camera.id, *decoder)?;
        tracing::debug!(step = "decode", camera = %camera.id, decoder = name, "decoder");
        let units: Reader = feed.read("analysis behind", clock.now());
        let eyes = Eyes { decoder: *decoder, shared: detector.clone() };
        let pulse = watchdog.pulse(format!("analysis of {}", camera.id), watchdog::ANALYSIS);
        let (clock, token) = (clock.clone(), token.clone());
        let looker = Looker::new(Arc::clone(camera), clock, eyes, told, wanted, pulse, Handle::current());
        let (ended, end) = oneshot::channel();
        std::thread::Builder::new().name(format!("look {}", camera.id)).spawn(move || {
            looker.run(units, &token);
            // Nobody waits any more where the program's deadline has passed.
            ended.send(()).unwrap_or_default();
        })?;
        Ok(Some(end))
    }

    /// Whether it runs.
    pub fn has(&self, camera: &CameraId) -> bool {
        self.running.contains_key(camera)
    }

    /// Ends everything of one camera and begins it anew. Its viewers stay.
    ///
    /// # Errors
    /// When it does not end, or can't begin. The program should then end as a whole.
    pub async fn restart(&mut self, camera: &CameraId) -> anyhow::Result<()> {
        match self.stop(camera).await? {
            Some(camera) => self.begin(camera),
            None => Ok(()),
        }
    }

    /// Has these cameras run and no others. Those that are as they were go on undisturbed.
    ///
    /// # Errors
    /// As [`Cameras::restart`].
    pub async fn apply(&mut self, wanted: &[Arc<Camera>]) -> anyhow::Result<()> {
        let stays = |running: &Running| wanted.contains(&running.camera);
        let others: Vec<CameraId> =
            self.running.iter().filter(|(_, running)| !stays(running)).map(|(id, _)| id.clone()).collect();
        for camera in &others {
            self.stop(camera).await?;
            if !wanted.iter().any(|wanted| wanted.id == *camera) {
                self.surroundings.feeds.remove(camera);
                self.surroundings.told.gates.remove(camera);
                self.surroundings.detector.iter().for_each(|shared| shared.forget(camera));
            }
        }
        let Surroundings { reports, subs, switches, feeds, .. } = &self.surroundings;
        // Before the hub is told of them, and asks for their units.
        wanted.iter().for_each(|camera| drop(feeds.of(&camera.id)));
        switches.set(wanted.iter().map(|camera| &**camera));
        let stays = |camera: &CameraId| self.running.contains_key(camera);
        reports.set(wanted.iter().map(|camera| &**camera), stays);
        subs.set(wanted.iter().map(|camera| &**camera).filter(|camera| camera.sub_url.is_some()), stays);
        for camera in wanted.iter().filter(|camera| !self.has(&camera.id)).cloned().collect::<Vec<_>>() {
            self.begin(camera)?;
        }
        Ok(())
    }

    /// Loads the detector, where it was not needed before.
    ///
    /// # Errors
    /// Why it can't be loaded.
    pub async fn ready_to_look(&mut self, config: Option<DetectorConfig>) -> Result<(), String> {
        let Some(config) = config.filter(|_| self.surroundings.detector.is_none()) else { return Ok(()) };
        self.surroundings.detector =
            Some(Shared::load(config, self.surroundings.detector_part.clone()).await.map_err(|e| format!("{e:#}"))?);
        Ok(())
    }

    /// Ends everything of one camera. What it was, where it ran.
    async fn stop(&mut self, camera: &CameraId) -> anyhow::Result<Option<Arc<Camera>>> {
        let Some(Running { camera, token }) = self.running.remove(camera) else { return Ok(None) };
        token.cancel();
        let ended = async {
            match self.tasks.join_next().await {
                Some(Ok(ended)) if ended == camera.id => Ok(()),
                Some(ended) => Err(unasked(ended.map(|id| id.to_string()))),
                None => Ok(()),
            }
        };
        tokio::time::timeout(END, ended).await.map_err(|_| anyhow!("camera {} does not end", camera.id))??;
        let Surroundings { feeds, told, .. } = &self.surroundings;
        feeds.of(&camera.id).interrupted();
        // Whoever looks next knows nothing of what was said of it.
        told.gates.forget(&camera.id);
        Ok(Some(camera))
    }

    /// Waits until a part of a camera ends unasked, which it never does but by a panic, of which its own line in the log
    /// tells: the program then ends as a whole, so that whoever started it starts it again, rather than going on with a
    /// camera that nobody looks at.
    pub async fn one_ends(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(ended) => unasked(ended.map(|id| id.to_string())),
            // An edge without cameras has none that could.
            None => std::future::pending().await,
        }
    }

    /// Ends them all.
    pub async fn end(mut self) {
        self.running.values().for_each(|running| running.token.cancel());
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(e) = ended {
                tracing::error!(error = %e, "a task panicked");
            }
        }
    }

    /// Makes a camera's newest key picture a JPEG file and its snapshot.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn snapshot(&self, camera: &CameraId) -> Result<(), String> {
        let Surroundings { clock, decoder, told, feeds, .. } = &self.surroundings;
        let feed = feeds.get(camera).ok_or("there is no such camera")?;
        let mut units = feed.read("snapshot", clock.now());
        let arrived = units.try_next().ok_or("the camera has sent no picture: see its state")?;
        drop(units);
        let (decoder, notices, camera) = (*decoder, told.notices.clone(), camera.clone());
        let decoded = tokio::task::spawn_blocking(move || {
            let mut decoder = Decoder::new(arrived.unit.codec, decoder).map_err(|e| e.to_string())?;
            let pool = FramePool::new(1);
            let shown = decoder.decode(&arrived.unit).map_err(|e| e.to_string())?.map(|shown| shown.into_frame(&pool));
            let frame = shown.or_else(|| decoder.finish(&pool).pop()).ok_or("the key picture shows nothing")?;
            jpeg::encode(frame.planes(), None, PICTURE_SIDE, PICTURE_QUALITY).map_err(|e| e.to_string())
        });
        let jpeg = decoded.await.map_err(|_| "decoding failed".to_owned())??;
        notices.snapshot(&camera, jpeg).map_err(str::to_owned)
    }
}

fn unasked(ended: Result<String, tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok(camera) => anyhow!("a part of camera {camera} ended unasked: see the lines above"),
        Err(e) => anyhow!("a part of a camera ended unasked: {e}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use omma_runtime::health::Health;

    use super::*;
    use crate::control::notices::Notices;
    use crate::state::gates::Gates;

    /// None yet, and no detector. Everything on disk is in the folder.
    pub(crate) fn cameras(folder: &Path, notices: Notices, clock: &EdgeClock) -> Cameras {
        let health = Health::new();
        let outbox = crate::outbox::open(&folder.join("outbox"), 1 << 30, health.part("outbox")).unwrap();
        let (results, _) = broadcast::channel(RESULTS);
        Cameras::new(Surroundings {
            clock: clock.clone(),
            reports: Reports::new([]),
            subs: Reports::new([]),
            told: Told { results, outbox, gates: Gates::default(), notices, data: folder.to_owned() },
            decoder: DecoderChoice::default(),
            detector: None,
            detector_part: health.part("detector"),
            feeds: Feeds::default(),
            switches: Switches::new([]),
            device_locks: DeviceLocks::default(),
            watchdog: Watchdog::default(),
        })
    }

    impl Cameras {
        /// Begins one that does nothing, and takes that long to end.
        pub(crate) fn begin_slow_to_end(&mut self, camera: Arc<Camera>, takes: Duration) {
            let (token, id) = (CancellationToken::new(), camera.id.clone());
            let (cancelled, name) = (token.clone(), id.clone());
            self.tasks.spawn(async move {
                cancelled.cancelled().await;
                tokio::time::sleep(takes).await;
                name
            });
            self.running.insert(id, Running { camera, token });
        }
    }
}
