//! A stuck pipeline restarts the process.
//!
//! Who is stuck is decided by [`edge_core::vitals`]; the steps tell it by their [`Pulse`]s. A thread of its own looks
//! every second, since a runtime whose threads all hang runs no task:
//!
//! * under systemd with `WatchdogSec=` it says `WATCHDOG=1` at half of that time, and nothing while a step is stuck:
//!   systemd then ends the process and starts it again;
//! * elsewhere the process ends itself with [`STUCK`], for k3s or docker to start it again.
//!
//! Either way there is an error in the log, and a crash report that says which step it was.

use std::io;
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use edge_core::vitals::{StepId, Stuck, Vitals};
use omma_runtime::crash::Record;
use omma_runtime::notify::Notifier;
use tokio_util::sync::CancellationToken;

/// Exit status of a process that its own watchdog has ended: an internal error, as sysexits(3) has it.
pub const STUCK: u8 = 70;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long the process may take to exit; the C library calls what others have registered, which may hang too.
const EXIT: Duration = Duration::from_secs(3);
/// How often a task of the runtime has to come round.
const ROUND: Duration = Duration::from_secs(1);

/// Patience with one unit of a camera's analysis: decoding and one detection, on a small board with a large model.
pub const ANALYSIS: Duration = Duration::from_secs(60);
/// Patience with the disk: a damaged database of full size is read again and copied from a slow card.
pub const OUTBOX: Duration = Duration::from_secs(300);
/// Patience with the runtime, whose tasks never block for long.
pub const RUNTIME: Duration = Duration::from_secs(30);

/// Collects the pulses of all steps. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Watchdog(Arc<Mutex<Vitals>>);

/// One step's pulse, for as long as the step lives.
#[derive(Debug, Default)]
pub struct Pulse(Option<(Watchdog, StepId)>);

/// Who watches the process from outside, and how often it wants to hear of it.
#[derive(Debug, Clone, Default)]
pub struct Manager {
    /// Told that the process is alive.
    pub notifier: Notifier,
    /// Within which time; `None` where nobody outside watches.
    pub period: Option<Duration>,
}

/// The thread that watches. Ends when this is dropped.
#[derive(Debug)]
pub struct Watching {
    _end: Sender<()>,
}

impl Watchdog {
    /// Adds a step, resting. `patience` is how long one piece of its work may take.
    pub fn pulse(&self, step: impl Into<String>, patience: Duration) -> Pulse {
        let id = self.lock().add(step.into(), patience);
        Pulse(Some((self.clone(), id)))
    }

    /// Starts the thread. `stuck` is called once when somebody is, and again only after nobody was.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn watch(self, manager: Manager, stuck: impl Fn(&[Stuck]) + Send + 'static) -> io::Result<Watching> {
        let (end, ended) = mpsc::channel::<()>();
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            let half = manager.period.map(|period| period / 2);
            let look = half.map_or(LOOK, |half| half.min(LOOK));
            let (started, mut said, mut told) = (Instant::now(), None::<Instant>, false);
            while ended.recv_timeout(look) == Err(RecvTimeoutError::Timeout) {
                let found = self.lock().look(started.elapsed());
                if !found.is_empty() {
                    if !std::mem::replace(&mut told, true) {
                        stuck(&found);
                    }
                    continue;
                }
                if std::mem::take(&mut told) {
                    tracing::info!("what was stuck goes on");
                }
                if let Some(half) = half
                    // The next look would be too late.
                    && said.is_none_or(|said| said.elapsed() + look / 2 >= half)
                {
                    // What was not taken is said again at the next look.
                    said = manager.notifier.alive().then(Instant::now).or(said);
                }
            }
        })?;
        Ok(Watching { _end: end })
    }

    /// No step can freeze with the lock in hand.
    fn lock(&self) -> MutexGuard<'_, Vitals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulse {
    /// Of a step that nobody watches.
    pub fn unwatched() -> Self {
        Self::default()
    }

    /// Work was taken up, or a piece of it is done.
    pub fn beat(&self) {
        if let Some((watchdog, step)) = &self.0 {
            watchdog.lock().beat(*step);
        }
    }

    /// The step waits for work, or for another step.
    pub fn rest(&self) {
        if let Some((watchdog, step)) = &self.0 {
            watchdog.lock().rest(*step);
        }
    }

    /// Beats for the runtime itself, until `token` is cancelled.
    pub async fn beat_always(self, token: CancellationToken) {
        self.beat();
        while token.run_until_cancelled(tokio::time::sleep(ROUND)).await.is_some() {
            self.beat();
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        if let Some((watchdog, step)) = &self.0 {
            watchdog.lock().remove(*step);
        }
    }
}

/// What is done about stuck steps: it is logged, reported to the next run, and, where nobody outside watches, the process
/// ends.
pub fn give_up(record: Record, watched: bool) -> impl Fn(&[Stuck]) + Send + 'static {
    move |stuck| {
        if !watched {
            // The disk or the log may be what hangs: the end does not wait for them.
            let armed = std::thread::Builder::new().name("end".to_owned()).spawn(|| {
                std::thread::sleep(EXIT * 3);
                process::abort();
            });
            drop(armed);
        }
        let steps: Vec<_> =
            stuck.iter().map(|stuck| format!("{} ({} s)", stuck.step, stuck.silent.as_secs())).collect();
        let steps = steps.join(", ");
        metrics::counter!("omma_health_stuck_total").increment(1);
        record.report("watchdog", &format!("stuck: {steps}"), String::new());
        if watched {
            tracing::error!(steps, "stuck: the service manager is no longer told that this program is alive");
            return;
        }
        // It says itself why it ends: nobody is to look for who killed it.
        record.end();
        tracing::error!(steps, status = STUCK, "stuck: the program ends, for its supervisor to start it again");
        let leaving = std::thread::Builder::new().name("exit".to_owned());
        if leaving.spawn(exit).is_ok() {
            std::thread::sleep(EXIT);
        }
        process::abort();
    }
}

fn exit() {
    process::exit(i32::from(STUCK));
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::path::Path;

    use omma_runtime::crash::LastRun;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(20);
    const PERIOD: Duration = Duration::from_millis(200);

    /// Counts what is said within a time.
    fn beats(manager: &UnixDatagram, time: Duration) -> u32 {
        let (began, mut count) = (Instant::now(), 0);
        while let Some(left) = time.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            manager.set_read_timeout(Some(left)).unwrap();
            let mut buffer = [0; 64];
            match manager.recv(&mut buffer) {
                Ok(length) => {
                    assert_eq!(&buffer[..length], b"WATCHDOG=1");
                    count += 1;
                }
                Err(_) => break,
            }
        }
        count
    }

    #[test]
    fn a_thread_that_blocks_stops_the_beats_until_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        let notifier = Notifier::to(folder.path().join("notify").as_os_str()).unwrap();
        let watchdog = Watchdog::default();
        let (release, released) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();

        let idle = watchdog.pulse("idle", PERIOD);
        idle.beat();
        idle.rest();
        let manager = Manager { notifier, period: Some(PERIOD) };
        let _watching = watchdog.clone().watch(manager, move |stuck| tell.send(stuck.to_vec()).unwrap()).unwrap();
        assert!(beats(&socket, PERIOD * 10) >= 8, "at half of the period while all is well");

        let pulse = watchdog.pulse("decode", PERIOD);
        let thread = std::thread::spawn(move || {
            pulse.beat();
            // As a driver that never returns.
            released.recv().unwrap();
            pulse.beat();
            pulse.rest();
        });
        let stuck = told.recv_timeout(WITHIN).unwrap();
        assert_eq!(stuck.iter().map(|stuck| stuck.step.as_str()).collect::<Vec<_>>(), ["decode"]);
        // What was said before it was found.
        beats(&socket, Duration::from_millis(1));
        assert_eq!(beats(&socket, PERIOD * 10), 0, "nothing is said while a step is stuck");
        assert!(told.try_recv().is_err(), "it is told once");

        release.send(()).unwrap();
        thread.join().unwrap();
        socket.set_read_timeout(Some(WITHIN)).unwrap();
        assert!(socket.recv(&mut [0; 64]).is_ok(), "it goes on");
    }

    /// Where the process of the next test leaves its report.
    const FOLDER: &str = "OMMA_TEST_FOLDER";

    #[test]
    #[ignore = "ends its process: started by the next test"]
    fn a_process_whose_outbox_is_stuck() {
        let Some(folder) = std::env::var_os(FOLDER) else { return };
        let (record, _) = Record::begin(Path::new(&folder), "edge-agent 0");
        let watchdog = Watchdog::default();
        let pulse = watchdog.pulse("outbox", Duration::ZERO);
        pulse.beat();
        let _watching = watchdog.watch(Manager::default(), give_up(record, false)).unwrap();
        std::thread::sleep(WITHIN);
    }

    #[test]
    fn a_stuck_process_that_nobody_watches_ends_with_a_status_of_its_own_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let stuck = "health::watchdog::tests::a_process_whose_outbox_is_stuck";
        let program = std::env::current_exe().unwrap();
        let ended = process::Command::new(program)
            .args([stuck, "--exact", "--ignored"])
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        assert_eq!(ended.status.code(), Some(i32::from(STUCK)), "{ended:?}");
        let (_, past) = Record::begin(folder.path(), "edge-agent 0");
        assert_eq!((past.last_run, past.unclean_ends), (LastRun::Ended, 0), "nobody killed it");
        let [crash] = &past.crashes[..] else { panic!("{past:?}") };
        assert!(crash.kind == "watchdog" && crash.message.starts_with("stuck: outbox ("), "{crash:?}");
    }

    #[test]
    fn a_step_that_has_ended_is_not_stuck() {
        let watchdog = Watchdog::default();
        watchdog.pulse("gone", Duration::ZERO).beat();
        assert_eq!(watchdog.lock().look(Duration::from_secs(5)), []);
    }
}
