//! Eight cameras or fewer, each a simulator of its own, an edge, Mosquitto and a hub, and how each misfortune is brought
//! about. The system's clock is never touched: it is the cameras' own that steps, and what the edge is shown of the system's.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;

use super::plan::{Kind, Misfortune, Target};
use crate::garbage::{exchange, garbage, on_udp};
use crate::link::Shape;
use crate::link::relay::Weather;
use crate::process::shifted_clock::ShiftedClock;
use crate::process::{Launch, Program, port};
use crate::stack::broker::Mosquitto;
use crate::stack::{Camera, Stack, StackOptions};

/// The cameras' names.
pub const CAMERAS: [&str; 8] = ["door", "gate", "yard", "ramp", "hall", "shed", "lane", "dock"];

/// How a camera's clock can step, as quirks of the simulator: 0.6 s after each beginning of play, or with every other
/// report of it.
const CLOCK_STEPS: [&str; 4] = ["stamps-jump", "stamps-go-back", "stamps-restart", "ntp-steps"];

/// By how much the clock of the edge's machine is set forward, and then back, s: less than what has it begin anew.
const EDGE_STEP_S: RangeInclusive<i64> = 2..=8;
/// By how much the edge's dates may be ahead for hours after that.
pub(super) const EDGE_LEAD: Duration = Duration::from_secs(9);

/// Each thread of glibc keeps blocks that were freed for its next request, and they count as in use: it takes hours until
/// every thread has as many of each size as it will keep.
const WITHOUT_CACHE: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0");
/// Connections with garbage, and datagrams of it, of one misfortune.
const CONNECTIONS: usize = 20;
const DATAGRAMS: usize = 200;
/// Most bytes sent over one of the connections.
const LONGEST: usize = 4096;
/// A thin uplink: bits a second, one way's delay in ms, its queue, the share of datagrams that are lost.
const THIN: RangeInclusive<u64> = 256_000..=4_000_000;
const DELAY_MS: RangeInclusive<u64> = 20..=300;
const QUEUE: Duration = Duration::from_millis(500);
const LOSS: RangeInclusive<f64> = 0.01..=0.15;

/// Everything that runs.
#[derive(Debug)]
pub(super) struct World {
    /// Hub, edge, and the first camera.
    pub(super) stack: Stack,
    broker: Mosquitto,
    /// The edge's.
    clock: ShiftedClock,
    /// The other cameras.
    others: Vec<Program>,
    /// Of broker and clock.
    _folder: TempDir,
}

impl World {
    /// Starts it and waits until every camera is live. What chance the uplink has follows from `seed`.
    ///
    /// # Panics
    /// When something does not come up.
    pub(super) fn start(cameras: usize, seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the broker");
        let broker = Mosquitto::start(folder.path());
        let clock = ShiftedClock::new(folder.path());
        let shown = clock.environment().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut all = vec![];
        let mut others = vec![];
        for (n, id) in CAMERAS.into_iter().take(cameras).enumerate() {
            let mut camera = if sees_people(n) { Camera::simulated(id) } else { Camera::empty(id) };
            if n > 0 {
                let listen = format!("127.0.0.1:{}", port::free());
                camera.url = Some(format!("rtsp://{listen}/{id}"));
                let launch = Launch::of_workspace("omma-camera").args(["--listen", &listen]);
                let mut program = launch.args(["--camera", &camera.argument()]).start();
                program.wait_for_line("listening rtsp://");
                others.push(program);
            }
            all.push(camera);
        }
        let options = StackOptions {
            cameras: all,
            external_broker: Some(broker.port),
            relayed: Some(seed),
            environment: &[WITHOUT_CACHE],
            edge_environment: shown.to_vec(),
            ..Default::default()
        };
        let mut stack = Stack::start(options);
        for id in CAMERAS.into_iter().take(cameras) {
            stack.wait_for_state(id, "live");
        }
        Self { stack, broker, clock, others, _folder: folder }
    }

    /// Begins a misfortune, and says whether it struck: garbage does not where nobody takes it.
    ///
    /// # Panics
    /// When whom it strikes has ended by itself.
    pub(super) fn begin(&mut self, misfortune: &Misfortune) -> bool {
        let Some(program) = self.program(misfortune.target) else {
            self.stack.relay().set(weather(misfortune));
            if misfortune.kind == Kind::UplinkSilent && misfortune.seed.is_multiple_of(2) {
                self.stack.relay().cut();
            }
            return true;
        };
        program.assert_running();
        match misfortune.kind {
            Kind::UplinkThin | Kind::UplinkSilent => return false,
            Kind::CameraCut => program.signal(Signal::SIGUSR1),
            Kind::CameraStalled => program.signal(Signal::SIGSTOP),
            Kind::CameraRestarted => {
                program.stop();
            }
            Kind::CameraKilled | Kind::EdgeKilled | Kind::HubKilled | Kind::BrokerKilled => program.kill9(),
            Kind::CameraClockStepped => {
                program.kill9();
                program.restart_with(&["--quirk", clock_step(misfortune.seed)]);
            }
            Kind::EdgeClockStepped => self.clock.set_by(edge_step(misfortune.seed)),
            Kind::EdgeGarbage => return throw(misfortune.seed, self.stack.edge_api.port(), &[]),
            Kind::HubGarbage => {
                let datagrams = [self.stack.quic_port(), self.stack.live_port()];
                return throw(misfortune.seed, self.stack.api.port(), &datagrams);
            }
        }
        true
    }

    /// Ends one that lasts.
    ///
    /// # Panics
    /// When whom it struck has ended by itself, or does not start.
    pub(super) fn end(&mut self, misfortune: &Misfortune) {
        let Some(program) = self.program(misfortune.target) else { return self.stack.relay().set(Weather::Fair) };
        match misfortune.kind {
            Kind::CameraCut | Kind::EdgeGarbage | Kind::HubGarbage | Kind::UplinkThin | Kind::UplinkSilent => {}
            Kind::CameraStalled => program.signal(Signal::SIGCONT),
            Kind::EdgeClockStepped => {
                program.assert_running();
                self.clock.set_by(0);
            }
            Kind::CameraRestarted | Kind::CameraKilled | Kind::EdgeKilled | Kind::HubKilled | Kind::BrokerKilled => {
                program.restart()
            }
            Kind::CameraClockStepped => {
                program.assert_running();
                program.kill9();
                program.restart();
            }
        }
    }

    /// Fails where a program that nobody killed has ended.
    ///
    /// # Panics
    /// Then.
    pub(super) fn assert_running(&mut self) {
        let ours = [&mut self.stack.camera, &mut self.stack.edge, &mut self.stack.hub, &mut self.broker.program];
        ours.into_iter()
            .chain(&mut self.others)
            .filter(|program| program.is_started())
            .for_each(Program::assert_running);
    }

    /// Kills every camera, none of which is away, so that every event ends.
    pub(super) fn kill_cameras(&mut self) {
        self.stack.camera.kill9();
        self.others.iter_mut().for_each(Program::kill9);
    }

    /// Starts every camera that was killed.
    ///
    /// # Panics
    /// When one does not start.
    pub(super) fn start_cameras(&mut self) {
        self.stack.camera.restart();
        self.others.iter_mut().for_each(Program::restart);
    }

    /// Writes what edge, hub and broker printed in all their lives into a folder.
    ///
    /// # Errors
    /// Where that can't be done.
    pub(super) fn write_logs(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for program in [&self.stack.edge, &self.stack.hub, &self.broker.program] {
            let mut text = program.log().lines().join("\n");
            text.push('\n');
            std::fs::write(folder.join(format!("{}.log", program.name())), text)?;
        }
        Ok(())
    }

    /// `None` for the uplink, which is none.
    fn program(&mut self, target: Target) -> Option<&mut Program> {
        Some(match target {
            Target::Camera(0) => &mut self.stack.camera,
            Target::Camera(n) => &mut self.others[n - 1],
            Target::Edge => &mut self.stack.edge,
            Target::Hub => &mut self.stack.hub,
            Target::Broker => &mut self.broker.program,
            Target::Uplink => return None,
        })
    }
}

/// Whether the camera with this number, from 0, shows people who walk by. Most do all the time; every fourth shows
/// nobody, so that gates close too.
pub(super) fn sees_people(camera: usize) -> bool {
    camera % 4 != 3
}

/// Which step of the clock a seed means.
pub(super) fn clock_step(seed: u64) -> &'static str {
    CLOCK_STEPS[(seed % CLOCK_STEPS.len() as u64) as usize]
}

/// By how many seconds a seed sets the edge's clock forward.
pub(super) fn edge_step(seed: u64) -> i64 {
    StdRng::seed_from_u64(seed).random_range(EDGE_STEP_S)
}

/// What the uplink is like in a misfortune of it.
pub(super) fn weather(misfortune: &Misfortune) -> Weather {
    if misfortune.kind == Kind::UplinkSilent {
        return Weather::Silent;
    }
    let mut dice = StdRng::seed_from_u64(misfortune.seed);
    Weather::Thin(Shape {
        rate: dice.random_range(THIN),
        delay: Duration::from_millis(dice.random_range(DELAY_MS)),
        queue: QUEUE,
        loss: dice.random_range(LOSS),
    })
}

/// Garbage for ports of 127.0.0.1. Who was just started may not listen yet: then it is spared. Whether it was not: some
/// connection was taken, and every datagram was sent.
fn throw(seed: u64, tcp: u16, udp: &[u16]) -> bool {
    let mut random = StdRng::seed_from_u64(seed);
    let taken = (0..CONNECTIONS).filter(|_| exchange(tcp, &garbage(&mut random, LONGEST)).is_ok()).count();
    let sent = udp.iter().filter(|port| on_udp(**port, DATAGRAMS, &mut random).is_ok()).count();
    taken > 0 && sent == udp.len()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use clap::ValueEnum;

    use super::*;
    use crate::simulator::quirk::Quirk;

    #[test]
    fn the_simulator_knows_every_step_of_the_clock() {
        let steps: Vec<_> = (0..4).map(clock_step).collect();
        assert_eq!(steps, CLOCK_STEPS);
        for step in steps {
            assert!(Quirk::from_str(step, false).is_ok(), "{step}");
        }
    }

    #[test]
    fn the_weather_follows_from_the_seed() {
        let at = |kind, seed| {
            let at = Duration::ZERO;
            weather(&Misfortune { at, lasting: at, kind, target: Target::Uplink, seed })
        };
        assert_eq!(at(Kind::UplinkSilent, 1), Weather::Silent);
        assert_eq!(at(Kind::UplinkThin, 1), at(Kind::UplinkThin, 1));
        assert_ne!(at(Kind::UplinkThin, 1), at(Kind::UplinkThin, 2));
    }

    #[test]
    fn garbage_strikes_only_who_listens() {
        // Its backlog takes the connections.
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        assert!(throw(1, listener.local_addr().unwrap().port(), &[]));
        assert!(!throw(1, port::free(), &[]));
    }
}
