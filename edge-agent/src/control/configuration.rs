//! The cameras that someone desires, from the message to what is reported of it.
//!
//! ```text
//! desired ──▶ checked whole ─┬─ faults ─▶ Refused: nothing has changed
//!                            └─ fine ──▶ applied ──▶ Trial ─┬─ stays connected ─▶ written to disk ─▶ Applied
//!                                                           └─ cut off ─▶ undone ─▶ RolledBack
//! ```
//!
//! - Either the hub desires, over QUIC, or someone who may publish on a broker of the operator's. While the hub does, it alone:
//!   two who desire different cameras would take turns at each connection.
//! - Cut off is who is away from whoever desired it: only they could mend it.
//! - Only what is kept is on disk ([`KEPT`], beside the outbox): an edge that dies of a change starts without it.
//! - A change that was rolled back, or that the edge did not live to judge, is marked; a copy of it, as the broker's retained
//!   one or the hub's at each connection, is then refused, and only the same text published anew is tried again.
//! - From the hub an empty text desires the cameras of the edge's own file, in place of the hub's. From a broker, where it clears what is retained, it
//!   desires nothing: to go back to the file then, remove [`KEPT`] and restart.

mod disk;

use std::sync::Arc;
use std::time::Duration;

use edge_core::Moment;
use edge_core::rollout::{Rollout, Verdict};
use omma_protocol::secret::Secret;
use omma_protocol::wire::mqtt::{ReportedMessage, ReportedState, Topic};
use tokio::sync::watch;

use super::notices::{Notices, Way};
use crate::cameras::Cameras;
use crate::clock::EdgeClock;
use crate::config::checked::{Camera, Config};
use disk::{Disk, hash};

pub use disk::KEPT;

/// What is desired, running and kept. Owned by [`super::Control`].
pub struct Configuration {
    /// The file's; cameras are replaced in it.
    file: Config,
    disk: Disk,
    notices: Notices,
    /// Who is told which cameras there are.
    wanted: watch::Sender<Vec<Arc<Camera>>>,
    kept: Version,
    trial: Option<Trial>,
    rollout: Rollout,
    reach: Reach,
    /// The hub says which cameras there are.
    by_hub: bool,
    newest: Desire,
    reported: watch::Sender<ReportedMessage>,
}

/// Cameras and the text that they come from.
#[derive(Clone)]
struct Version {
    cameras: Vec<Arc<Camera>>,
    /// `None` for the edge's own file.
    hash: Option<String>,
    text: Secret<String>,
}

/// The newest that was desired.
#[derive(Debug, Default, PartialEq, Eq)]
struct Desire {
    /// `None` for the edge's own file, and before anything was desired.
    hash: Option<String>,
    /// The hub's.
    revision: Option<u64>,
}

impl Desire {
    /// By which it is known again. What the hub desires anew is another desire, though the text be the same.
    fn mark(&self) -> String {
        let text = self.hash.as_deref().unwrap_or("the edge's own file");
        self.revision.map_or_else(|| text.to_owned(), |revision| format!("{text} {revision}"))
    }
}

struct Trial {
    version: Version,
    way: Way,
}

/// Who can be reached.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reach {
    /// The broker; the hub where there is none.
    pub broker: bool,
    /// The hub, over QUIC.
    pub hub: bool,
}

impl Reach {
    fn of(self, way: Way) -> bool {
        match way {
            Way::Broker { .. } => self.broker,
            Way::Hub { .. } => self.hub,
        }
    }
}

impl Configuration {
    /// With the cameras that were kept, else with the file's; and what the program runs on with them. Reads the disk.
    pub fn open(file: Config, notices: Notices) -> (Config, Self) {
        let disk = Disk::new(&file.data);
        let mut running = file.clone();
        let mut reported = ReportedMessage {
            version: ReportedMessage::VERSION,
            state: ReportedState::File,
            desired: None,
            running: None,
            revision: None,
            reasons: vec![],
        };
        let mut kept = of_file(&file);
        match disk.read_kept(&file) {
            Ok(None) => {}
            Ok(Some((config, version))) => {
                (reported.state, reported.running) = (ReportedState::Applied, version.hash.clone());
                (running, kept) = (config, version);
            }
            Err(reasons) => {
                tracing::warn!(
                    file = KEPT,
                    ?reasons,
                    "the cameras that were kept can't be used: those of the file run"
                );
                (reported.state, reported.reasons) = (ReportedState::Refused, reasons);
            }
        }
        let configuration = Self {
            rollout: Rollout::new(file.rollback),
            wanted: watch::Sender::new(kept.cameras.clone()),
            // An edge that has no hub any more listens to its broker again.
            by_hub: file.hub().is_some() && disk.is_by_hub(),
            file,
            disk,
            notices,
            kept,
            trial: None,
            reach: Reach::default(),
            newest: Desire::default(),
            reported: watch::Sender::new(reported),
        };
        configuration.publish();
        (running, configuration)
    }

    /// The cameras that run, or shall.
    pub fn cameras(&self) -> watch::Receiver<Vec<Arc<Camera>>> {
        self.wanted.subscribe()
    }

    /// What became of the newest desire.
    pub fn reported(&self) -> watch::Receiver<ReportedMessage> {
        self.reported.subscribe()
    }

    /// Takes what is desired. The inner result is for who asked, the outer one for who runs the program.
    ///
    /// # Errors
    /// When the cameras can't be changed. The program then ends as a whole, and starts with what was kept.
    pub async fn desire(
        &mut self,
        cameras: &mut Cameras,
        payload: &[u8],
        way: Way,
        clock: &EdgeClock,
    ) -> anyhow::Result<Result<(), Vec<String>>> {
        let revision = match way {
            Way::Broker { .. } if payload.is_empty() => {
                return Ok(Err(vec!["an empty configuration desires nothing".to_owned()]));
            }
            Way::Broker { .. } if self.by_hub => {
                let reason = "the hub says which cameras this edge has: take that back there first";
                return Ok(Err(vec![reason.to_owned()]));
            }
            Way::Broker { .. } => None,
            Way::Hub { revision } => revision,
        };
        let desire = Desire { hash: (!payload.is_empty()).then(|| hash(payload)), revision };
        if desire.hash.is_none() && !self.by_hub && self.running().hash.is_some() {
            // It says at each connection that it desires nothing: what the broker desires goes on.
            return Ok(Ok(()));
        }
        let (repeats, judged) = (way != Way::Broker { retained: false }, self.has_judged());
        let is_news = self.newest != desire;
        if repeats && judged && !is_news {
            // It is told at each connection.
            return Ok(Err(self.reported.borrow().reasons.clone()));
        }
        let hash = desire.hash.clone();
        self.newest = desire;
        // The other way round when the file's cameras are kept: until then those of the hub may come back.
        if revision.is_some()
            && hash.is_some()
            && let Err(e) = self.claim(true).await
        {
            return Ok(Err(self.refuse(vec![no_disk(&e)])));
        }
        if self.running().hash == hash {
            if is_news || judged {
                return Ok(self.runs_already().await.map_err(|reason| self.refuse(vec![reason])));
            }
            return Ok(Ok(()));
        }
        let (config, version) = match self.check(payload, hash, repeats).await {
            Ok(checked) => checked,
            Err(reasons) => return Ok(Err(self.refuse(reasons))),
        };
        if let Err(reason) = cameras.ready_to_look(config.detect.clone()).await {
            return Ok(Err(self.refuse(vec![reason])));
        }
        if let Err(e) = self.disk.tries(&self.newest.mark()).await {
            return Ok(Err(self.refuse(vec![no_disk(&e)])));
        }
        tracing::info!(cameras = version.cameras.len(), "other cameras are desired: on trial");
        self.run(cameras, &version).await?;
        self.trial = Some(Trial { version, way });
        // To check and to change cameras takes long where there are many: the trial begins when that is done.
        let now = clock.now();
        self.rollout.link(self.reach.of(way), now);
        self.rollout.applied(now);
        self.tell(ReportedState::Trial, vec![]);
        Ok(Ok(()))
    }

    /// Whether the hub says from now on which cameras there are.
    async fn claim(&mut self, by_hub: bool) -> std::io::Result<()> {
        if self.by_hub != by_hub {
            self.disk.set_by_hub(by_hub).await?;
            self.by_hub = by_hub;
        }
        Ok(())
    }

    /// Something else was desired meanwhile, and refused; or the same is desired again.
    async fn runs_already(&mut self) -> Result<(), String> {
        let state = match (&self.trial, &self.kept.hash) {
            (Some(_), _) => {
                self.disk.tries(&self.newest.mark()).await.map_err(|e| no_disk(&e))?;
                ReportedState::Trial
            }
            (None, Some(_)) => ReportedState::Applied,
            (None, None) => {
                // One that can't be used may lie there.
                self.disk.keep(&self.kept).await.map_err(|e| no_disk(&e))?;
                self.claim(false).await.map_err(|e| no_disk(&e))?;
                ReportedState::File
            }
        };
        self.tell(state, vec![]);
        Ok(())
    }

    async fn check(
        &self,
        payload: &[u8],
        hash: Option<String>,
        repeats: bool,
    ) -> Result<(Config, Version), Vec<String>> {
        if repeats && self.disk.has_tried(&self.newest.mark()).await {
            let reason = "this configuration was tried before and not kept: change it, or publish it anew to have it \
                          tried again";
            return Err(vec![reason.to_owned()]);
        }
        if hash.is_none() {
            return Ok((self.file.clone(), of_file(&self.file)));
        }
        let text = String::from_utf8(payload.to_vec()).map_err(|_| vec!["expected TOML as UTF-8 text".to_owned()])?;
        let (file, checked) = (self.file.clone(), text.clone());
        let checking = tokio::task::spawn_blocking(move || file.with_cameras(&checked));
        let config = checking.await.map_err(|_| vec!["checking it failed".to_owned()])?;
        let config = config.map_err(|faults| faults.lines().collect::<Vec<_>>())?;
        let cameras = config.cameras.iter().cloned().map(Arc::new).collect();
        Ok((config, Version { cameras, hash, text: Secret::new(text) }))
    }

    /// Who can be reached now.
    pub fn reaches(&mut self, reach: Reach, now: Moment) {
        self.reach = reach;
        if let Some(trial) = &self.trial {
            self.rollout.link(reach.of(trial.way), now);
        }
    }

    /// When to [`Configuration::judge`].
    pub fn wake(&self) -> Option<Moment> {
        self.rollout.wake()
    }

    /// Keeps what is on trial, or takes it back, when it is time.
    ///
    /// # Errors
    /// As [`Configuration::desire`].
    pub async fn judge(&mut self, cameras: &mut Cameras, now: Moment) -> anyhow::Result<()> {
        let Some(verdict) = self.rollout.poll(now) else { return Ok(()) };
        let Some(Trial { version, way }) = self.trial.take() else { return Ok(()) };
        // Else what was desired after it was refused, and that is what is told of.
        let newest = self.newest.hash == version.hash;
        let (state, reasons) = match verdict {
            Verdict::Keep => self.keep(version).await,
            Verdict::RollBack => {
                let whom = if matches!(way, Way::Hub { .. }) { "hub" } else { "broker" };
                tracing::warn!("with the other cameras the {whom} can't be reached: they are taken back");
                let kept = self.kept.clone();
                self.run(cameras, &kept).await?;
                let away = self.file.rollback.as_secs();
                let reason = format!("with it the edge was away from its {whom} for {away} s (edge.rollback_s)");
                (ReportedState::RolledBack, vec![reason])
            }
        };
        if newest {
            self.tell(state, reasons);
        } else {
            let ReportedMessage { state, reasons, .. } = self.reported.borrow().clone();
            self.tell(state, reasons);
        }
        Ok(())
    }

    async fn keep(&mut self, version: Version) -> (ReportedState, Vec<String>) {
        let mut written = self.disk.keep(&version).await;
        self.kept = version;
        if written.is_ok() && self.kept.hash.is_none() {
            written = self.claim(false).await;
        }
        // A marker that stays is of what is in force, and is asked for after a restart only.
        self.disk.tried().await.unwrap_or_default();
        let reasons = match written {
            Ok(()) => {
                tracing::info!("the other cameras are kept");
                vec![]
            }
            Err(e) => {
                tracing::warn!(error = %e, "the cameras that are in force can't be kept on disk");
                vec![format!("in force until the edge restarts, because the disk does not take it: {e}")]
            }
        };
        let state = if self.kept.hash.is_some() { ReportedState::Applied } else { ReportedState::File };
        (state, reasons)
    }

    async fn run(&self, cameras: &mut Cameras, version: &Version) -> anyhow::Result<()> {
        cameras.apply(&version.cameras).await?;
        self.wanted.send_replace(version.cameras.clone());
        Ok(())
    }

    fn running(&self) -> &Version {
        self.trial.as_ref().map_or(&self.kept, |trial| &trial.version)
    }

    fn has_judged(&self) -> bool {
        matches!(self.reported.borrow().state, ReportedState::Refused | ReportedState::RolledBack)
    }

    fn refuse(&mut self, reasons: Vec<String>) -> Vec<String> {
        self.tell(ReportedState::Refused, reasons.clone());
        reasons
    }

    fn tell(&mut self, state: ReportedState, reasons: Vec<String>) {
        let running = self.running().hash.clone();
        self.reported.send_modify(|reported| {
            (reported.state, reported.running, reported.reasons) = (state, running, reasons);
            (reported.desired, reported.revision) = (self.newest.hash.clone(), self.newest.revision);
        });
        self.publish();
    }

    /// Over MQTT. A digest would let who listens there try passwords against it: whoever desired over MQTT knows the text,
    /// readers of the hub's broker do not.
    fn publish(&self) {
        let topic = Topic::Reported(self.notices.edge().clone()).to_string();
        let mut reported = self.reported.borrow().clone();
        if self.by_hub || reported.revision.is_some() {
            (reported.desired, reported.running) = (None, None);
        }
        // Texts always are JSON.
        let payload = serde_json::to_vec(&reported).unwrap_or_default();
        self.notices.set(&topic, payload, Duration::ZERO);
    }
}

fn of_file(file: &Config) -> Version {
    let cameras = file.cameras.iter().cloned().map(Arc::new).collect();
    Version { cameras, hash: None, text: Secret::new(String::new()) }
}

fn no_disk(e: &std::io::Error) -> String {
    format!("the disk does not take it: {e}")
}

#[cfg(test)]
mod tests;
