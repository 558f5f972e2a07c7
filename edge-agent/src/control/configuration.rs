//! The cameras that someone desires, from the message to what is reported of it.
//!
//! ```text
//! desired ──▶ checked whole ─┬─ faults ─▶ Refused: nothing has changed
//!                            └─ fine ──▶ applied ──▶ Trial ─┬─ stays connected ─▶ written to disk ─▶ Applied
//!                                                           └─ cut off ─▶ undone ─▶ RolledBack
//! ```
//!
//! - Only what is kept is on disk ([`KEPT`], beside the outbox): an edge that dies of a change starts without it.
//! - A change that was rolled back, or that the edge did not live to judge, is marked ([`TRIED`]); the broker's retained copy
//!   of it is then refused, and only the same text published anew is tried again.
//! - An empty message desires nothing. To go back to the edge's own file, remove [`KEPT`] and restart.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use edge_core::Moment;
use edge_core::rollout::{Rollout, Verdict};
use omma_protocol::secret::Secret;
use omma_protocol::wire::mqtt::{ReportedMessage, ReportedState, Topic};
use omma_runtime::file;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::notices::Notices;
use crate::cameras::Cameras;
use crate::config::checked::{Camera, Config};

/// The text that is in force, in the edge's data folder. It holds the cameras' passwords.
pub const KEPT: &str = "cameras.toml";
/// The hash of a text that is or was on trial, and was not kept.
const TRIED: &str = "cameras.tried";

/// What is desired, running and kept. Owned by [`super::Control`].
pub struct Configuration {
    /// The file's; cameras are replaced in it.
    file: Config,
    notices: Notices,
    /// Who is told which cameras there are.
    wanted: watch::Sender<Vec<Arc<Camera>>>,
    kept: Version,
    trial: Option<Version>,
    rollout: Rollout,
    reported: ReportedMessage,
}

/// Cameras and the text that they come from.
#[derive(Clone)]
struct Version {
    cameras: Vec<Arc<Camera>>,
    /// `None` for the edge's own file.
    hash: Option<String>,
    text: Secret<String>,
}

impl Configuration {
    /// With the cameras that were kept, else with the file's; and what the program runs on with them. Reads the disk.
    pub fn open(file: Config, notices: Notices) -> (Config, Self) {
        let mut running = file.clone();
        let mut reported = ReportedMessage {
            version: ReportedMessage::VERSION,
            state: ReportedState::File,
            desired: None,
            running: None,
            reasons: vec![],
        };
        let mut kept = Version {
            cameras: file.cameras.iter().cloned().map(Arc::new).collect(),
            hash: None,
            text: Secret::new(String::new()),
        };
        match read_kept(&file) {
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
        let rollout = Rollout::new(file.rollback);
        let wanted = watch::Sender::new(kept.cameras.clone());
        let configuration = Self { file, notices, wanted, kept, trial: None, rollout, reported };
        configuration.report();
        (running, configuration)
    }

    /// The cameras that run, or shall.
    pub fn cameras(&self) -> watch::Receiver<Vec<Arc<Camera>>> {
        self.wanted.subscribe()
    }

    /// Takes what is desired. The inner result is for who asked, the outer one for who runs the program.
    ///
    /// # Errors
    /// When the cameras can't be changed. The program then ends as a whole, and starts with what was kept.
    pub async fn desire(
        &mut self,
        cameras: &mut Cameras,
        payload: &[u8],
        retained: bool,
        now: Moment,
    ) -> anyhow::Result<Result<(), Vec<String>>> {
        if payload.is_empty() {
            return Ok(Err(vec!["an empty configuration desires nothing".to_owned()]));
        }
        let hash = hash(payload);
        if self.running().hash.as_ref() == Some(&hash) {
            if self.reported.desired.as_ref() != Some(&hash) {
                // Something else was desired meanwhile, and refused.
                self.reported.desired = Some(hash);
                let state = if self.trial.is_some() { ReportedState::Trial } else { ReportedState::Applied };
                self.tell(state, vec![]);
            }
            return Ok(Ok(()));
        }
        let judged = matches!(self.reported.state, ReportedState::Refused | ReportedState::RolledBack);
        if retained && judged && self.reported.desired.as_ref() == Some(&hash) {
            // The broker tells it at each connection.
            return Ok(Err(self.reported.reasons.clone()));
        }
        self.reported.desired = Some(hash.clone());
        let (config, text) = match self.check(payload, &hash, retained).await {
            Ok(checked) => checked,
            Err(reasons) => return Ok(Err(self.refuse(reasons))),
        };
        if let Err(reason) = cameras.ready_to_look(config.detect.clone()).await {
            return Ok(Err(self.refuse(vec![reason])));
        }
        if let Err(e) = self.write(TRIED, Secret::new(hash.clone())).await {
            return Ok(Err(self.refuse(vec![format!("the disk does not take it: {e}")])));
        }
        let version = Version { cameras: config.cameras.into_iter().map(Arc::new).collect(), hash: Some(hash), text };
        tracing::info!(cameras = version.cameras.len(), "other cameras are desired: on trial");
        self.run(cameras, &version).await?;
        self.trial = Some(version);
        self.rollout.applied(now);
        self.tell(ReportedState::Trial, vec![]);
        Ok(Ok(()))
    }

    async fn check(&self, payload: &[u8], hash: &str, retained: bool) -> Result<(Config, Secret<String>), Vec<String>> {
        let marker = self.file.data.join(TRIED);
        let tried = on_disk(move || fs::read_to_string(marker)).await;
        if retained && tried.is_ok_and(|tried| tried == hash) {
            let reason = "this configuration was tried before and not kept: change it, or publish it anew to have it \
                          tried again";
            return Err(vec![reason.to_owned()]);
        }
        let text = String::from_utf8(payload.to_vec()).map_err(|_| vec!["expected TOML as UTF-8 text".to_owned()])?;
        let (file, checked) = (self.file.clone(), text.clone());
        let checking = tokio::task::spawn_blocking(move || file.with_cameras(&checked));
        let config = checking.await.map_err(|_| vec!["checking it failed".to_owned()])?;
        let config = config.map_err(|faults| faults.lines().collect::<Vec<_>>())?;
        Ok((config, Secret::new(text)))
    }

    /// Whether the edge is connected.
    pub fn link(&mut self, up: bool, now: Moment) {
        self.rollout.link(up, now);
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
        let Some(trial) = self.trial.take() else { return Ok(()) };
        // Else what was desired after it was refused, and that is what is told of.
        let newest = self.reported.desired == trial.hash;
        let (state, reasons) = match verdict {
            Verdict::Keep => {
                let written = self.write(KEPT, trial.text.clone()).await;
                self.kept = trial;
                let marker = self.file.data.join(TRIED);
                // A marker that stays is of what is in force, and is asked for after a restart only.
                on_disk(move || fs::remove_file(marker)).await.unwrap_or_default();
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
                (ReportedState::Applied, reasons)
            }
            Verdict::RollBack => {
                tracing::warn!("with the other cameras the broker can't be reached: they are taken back");
                let kept = self.kept.clone();
                self.run(cameras, &kept).await?;
                let away = self.file.rollback.as_secs();
                let reason = format!("with it the edge was away from its broker for {away} s (edge.rollback_s)");
                (ReportedState::RolledBack, vec![reason])
            }
        };
        if newest {
            self.tell(state, reasons);
        } else {
            self.tell(self.reported.state, self.reported.reasons.clone());
        }
        Ok(())
    }

    async fn run(&self, cameras: &mut Cameras, version: &Version) -> anyhow::Result<()> {
        cameras.apply(&version.cameras).await?;
        self.wanted.send_replace(version.cameras.clone());
        Ok(())
    }

    fn running(&self) -> &Version {
        self.trial.as_ref().unwrap_or(&self.kept)
    }

    async fn write(&self, name: &'static str, text: Secret<String>) -> io::Result<()> {
        let folder = self.file.data.clone();
        on_disk(move || file::replace(&folder.join(name), text.expose().as_bytes())).await
    }

    fn refuse(&mut self, reasons: Vec<String>) -> Vec<String> {
        self.tell(ReportedState::Refused, reasons.clone());
        reasons
    }

    fn tell(&mut self, state: ReportedState, reasons: Vec<String>) {
        let running = self.running().hash.clone();
        (self.reported.state, self.reported.running, self.reported.reasons) = (state, running, reasons);
        self.report();
    }

    fn report(&self) {
        let topic = Topic::Reported(self.notices.edge().clone()).to_string();
        // Texts always are JSON.
        self.notices.set(&topic, serde_json::to_vec(&self.reported).unwrap_or_default(), Duration::ZERO);
    }
}

fn hash(text: &[u8]) -> String {
    format!("{:x}", Sha256::digest(text))
}

fn read_kept(file: &Config) -> Result<Option<(Config, Version)>, Vec<String>> {
    let path = file.data.join(KEPT);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(vec![format!("{} can't be read: {e}", path.display())]),
    };
    let config = file.with_cameras(&text).map_err(|faults| faults.lines().collect::<Vec<_>>())?;
    let cameras = config.cameras.iter().cloned().map(Arc::new).collect();
    let hash = Some(hash(text.as_bytes()));
    Ok(Some((config, Version { cameras, hash, text: Secret::new(text) })))
}

/// Where it may block.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(io::Error::other("it failed")))
}
