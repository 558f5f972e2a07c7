//! The soak: a long run under random misfortune, and what it showed.
//!
//! 1. [`plan`] makes of a seed what goes wrong when, to whom, and for how long.
//! 2. [`world`] starts everything and carries the plan out; each step is logged with its time and its seed.
//! 3. [`watch`] looks at edge and hub each second, and in lulls, when all cameras are away, at what their heaps still hold.
//! 4. In the end the cameras are taken away, so that every event ends; what was numbered must arrive.
//! 5. [`verdict`] compares what was found with what is promised; [`memory`] says whether memory grows.

#![allow(clippy::panic, clippy::expect_used, reason = "for tests: what can't go on fails the test, with its reason")]

pub mod plan;

pub mod world;

pub mod watch;

pub mod memory;

pub mod verdict;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::process::log::{is_complaint, is_error};
use crate::stack::{EDGE, store};
use crate::wait;
use plan::{Kind, Misfortune, Step, Target};
use verdict::{Findings, Seen, Verdict};
use watch::Watch;
use world::{CAMERAS, World};

/// How punctual misfortunes are.
const TICK: Duration = Duration::from_millis(50);
/// How long what is on its way in the end may take to arrive. Pictures of outages come at a limited rate.
const SETTLE: Duration = Duration::from_secs(300);
/// In a calm of this length each camera that sees people must tell of some. In a shorter one, of which cameras may need
/// half to be live again, chance would decide: then the whole run counts.
const TELLING_CALM: Duration = Duration::from_secs(60);

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long it lasts, from when all cameras are live: [`plan::SHORTEST`] or more.
    pub time: Duration,
    /// Everything that is random follows from it.
    pub seed: u64,
    /// How many: 1 to 8.
    pub cameras: usize,
    /// Where the logs of edge, hub and broker are written in the end.
    pub logs: Option<PathBuf>,
}

impl Settings {
    /// Checks them.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn check(&self) -> Result<(), String> {
        if self.time < plan::SHORTEST {
            return Err(format!("a run of {:?} is too short: take {:?} or more", self.time, plan::SHORTEST));
        }
        if !(1..=CAMERAS.len()).contains(&self.cameras) {
            return Err(format!("{} cameras can't be had: take 1 to {}", self.cameras, CAMERAS.len()));
        }
        Ok(())
    }
}

/// Carries out a run. What goes wrong in it is in the verdict.
///
/// # Panics
/// When the programs do not come up, or with settings that [`Settings::check`] refuses.
pub fn run(settings: &Settings) -> Verdict {
    if let Err(wrong) = settings.check() {
        panic!("{wrong}");
    }
    let plan = plan::plan(settings.seed, settings.time, settings.cameras);
    eprintln!("soak: seed {}, {} misfortunes planned in {:?}", settings.seed, plan.len(), settings.time);
    let mut world = World::start(settings.cameras, settings.seed);
    let mut findings = Findings {
        seed: settings.seed,
        time: settings.time,
        cameras: settings.cameras,
        watched: streams(settings.cameras),
        ..Findings::default()
    };
    // A promise that a program breaks at once, such as to go on running, ends the run as it ends a test: by a panic.
    let ended = catch_unwind(AssertUnwindSafe(|| live(&mut world, &plan, settings.time, &mut findings)));
    findings.broken = ended.err().map(|reason| in_words(reason.as_ref()));
    for program in [&world.stack.edge, &world.stack.hub] {
        let lines = program.log().lines();
        findings.warnings += lines.iter().filter(|line| is_complaint(line) && !is_error(line)).count();
        let errors = lines.into_iter().filter(|line| is_error(line));
        findings.errors.extend(errors.map(|line| format!("{}: {line}", program.name())));
    }
    if let Some(folder) = &settings.logs
        && let Err(e) = world.write_logs(folder)
    {
        eprintln!("soak: write the logs to {}: {e}", folder.display());
    }
    Verdict::of(findings)
}

/// From the first misfortune until everything has arrived.
fn live(world: &mut World, plan: &[Misfortune], time: Duration, findings: &mut Findings) {
    let begun = Instant::now();
    let mut watch = Watch::new(findings.cameras);
    watch.begins(Target::Edge, Duration::ZERO);
    watch.begins(Target::Hub, Duration::ZERO);
    let mut steps = plan::steps(plan, &plan::lulls(time)).into_iter().peekable();
    let mut calm_since = Duration::ZERO;
    let calm_tells = time.saturating_sub(plan::calm_from(time)) >= TELLING_CALM;
    findings.events_from_us = epoch_us();
    while begun.elapsed() < time {
        while let Some((_, step)) = steps.next_if(|(at, _)| *at <= begun.elapsed()) {
            take(step, world, &mut watch, begun, findings);
            calm_since = begun.elapsed();
            if calm_tells {
                findings.events_from_us = epoch_us() + world::EDGE_LEAD.as_micros() as i64;
            }
        }
        world.assert_running();
        watch.look_in_time(&world.stack, begun.elapsed());
        thread::sleep(TICK);
    }
    let end = begun.elapsed();
    watch.look(&world.stack, end);
    findings.live_after = match watch.last_not_live {
        Some(last) if last == end => None,
        last => Some(last.unwrap_or_default().saturating_sub(calm_since)),
    };
    findings.lives.clone_from(&watch.lives);
    settle(world, &mut watch, begun, findings);
}

/// Takes one step of the plan, and tells of it.
fn take(step: Step, world: &mut World, watch: &mut Watch, begun: Instant, findings: &mut Findings) {
    let now = begun.elapsed();
    match step {
        Step::Begin(misfortune) => {
            say(now, &described(&misfortune));
            // What a process counted goes with it.
            watch.look(&world.stack, now);
            if world.begin(&misfortune) {
                *findings.misfortunes.entry(misfortune.kind.name()).or_default() += 1;
            } else {
                say(now, &format!("{}: {} was spared", misfortune.kind.name(), misfortune.target));
            }
        }
        Step::End(misfortune) => {
            say(now, &format!("{}: over for {}", misfortune.kind.name(), misfortune.target));
            world.end(&misfortune);
            if matches!(misfortune.kind, Kind::EdgeKilled | Kind::HubKilled) {
                watch.begins(misfortune.target, now);
            }
        }
        Step::LullBegins => {
            say(now, "a lull: all cameras are away");
            world.kill_cameras();
            watch.lull_begins(now);
        }
        Step::LullEnds => {
            say(now, &format!("the lull is over: {}", watch.lull_ends(now)));
            world.start_cameras();
        }
    }
}

/// Takes the cameras away and waits until every event has ended and everything has arrived.
fn settle(world: &mut World, watch: &mut Watch, begun: Instant, findings: &mut Findings) {
    say(begun.elapsed(), "the cameras are taken away; what is on its way may arrive");
    world.kill_cameras();
    for id in CAMERAS.into_iter().take(findings.cameras) {
        world.stack.wait_for_state(id, "failed");
    }
    wait::until("every event to end and to arrive", SETTLE, || {
        world.assert_running();
        let open = world.stack.api.events("phase=opened")?.len() + world.stack.api.events("phase=updated")?.len();
        let waiting = world.stack.edge_api.existing_metric("omma_outbox_waiting")?;
        if open == 0 && waiting == 0.0 { Ok(()) } else { Err(format!("{open} events are open, {waiting} wait")) }
    });
    let looked = watch.look_in_the_end(&world.stack, begun.elapsed());
    looked.unwrap_or_else(|e| panic!("what edge and hub counted: {e}"));
    let events = world.stack.api.events("").unwrap_or_else(|e| panic!("the hub's events: {e}"));
    let seen = events.iter().map(|event| Seen {
        stream: event["stream"].as_str().unwrap_or_default().to_owned(),
        opened_us: event["opened_us"].as_i64().unwrap_or_default(),
    });
    findings.events = seen.collect();
    findings.records = store::records(&world.stack.hub_data(), EDGE);
    // Both are whole numbers, far below 2^53.
    findings.newest = watch.newest as u64;
    findings.out_of_order = watch.out_of_order.sum() as u64;
    say(begun.elapsed(), "stopping");
    world.stack.edge.stop();
    world.stack.hub.stop();
}

/// Streams of the cameras that see people.
fn streams(cameras: usize) -> Vec<String> {
    let cameras = CAMERAS.into_iter().take(cameras).enumerate();
    cameras.filter(|(n, _)| world::sees_people(*n)).map(|(_, id)| format!("{EDGE}.{id}")).collect()
}

/// Now, µs since the epoch, by the hub's clock. The edge's is never behind it, and ahead by up to [`world::EDGE_LEAD`] once it has stepped.
fn epoch_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64
}

fn described(misfortune: &Misfortune) -> String {
    let Misfortune { lasting, kind, target, seed, .. } = misfortune;
    let mut text = format!("{}: {target}", kind.name());
    match kind {
        Kind::CameraClockStepped => text += &format!(", {}", world::clock_step(*seed)),
        Kind::EdgeClockStepped => text += &format!(", {} s forward", world::edge_step(*seed)),
        Kind::UplinkThin => text += &format!(", {:?}", world::weather(misfortune)),
        _ => {}
    }
    if !lasting.is_zero() {
        text += &format!(", for {:.1} s", lasting.as_secs_f64());
    }
    text + &format!(" (seed {seed})")
}

fn say(now: Duration, text: &str) {
    eprintln!("soak {:>7.1} s  {text}", now.as_secs_f64());
}

/// What a panic said.
fn in_words(reason: &(dyn Any + Send)) -> String {
    let text = reason.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| reason.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_are_refused() {
        let settings = |seconds, cameras| Settings { time: Duration::from_secs(seconds), seed: 1, cameras, logs: None };
        assert_eq!(settings(1800, 8).check(), Ok(()));
        for (settings, word) in [
            (settings(89, 8), "take 90s or more"),
            (settings(1800, 0), "take 1 to 8"),
            (settings(1800, 9), "take 1 to 8"),
        ] {
            let wrong = settings.check().unwrap_err();
            assert!(wrong.contains(word), "{wrong}");
        }
    }

    #[test]
    fn a_panic_is_put_in_words() {
        let said = |panic: fn()| in_words(catch_unwind(panic).unwrap_err().as_ref());
        assert_eq!(said(|| panic!("hub has ended: {}", 7)), "hub has ended: 7");
        assert_eq!(said(|| panic!("plain")), "plain");
    }

    #[test]
    fn each_misfortune_is_told_with_its_seed() {
        let lasting = Duration::from_millis(1500);
        let kind = Kind::CameraClockStepped;
        let misfortune = Misfortune { at: Duration::ZERO, lasting, kind, target: Target::Camera(2), seed: 4 };
        assert_eq!(described(&misfortune), "camera's clock stepped: camera 2, stamps-jump, for 1.5 s (seed 4)");
    }

    #[test]
    fn every_fourth_camera_need_not_tell_of_people() {
        assert_eq!(streams(1), ["site.door"]);
        let all = ["site.door", "site.gate", "site.yard", "site.hall", "site.shed", "site.lane"];
        assert_eq!(streams(8), all);
    }
}
