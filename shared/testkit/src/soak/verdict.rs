//! What a run showed: compares what was found with what is promised. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::memory::{self, Judgement, Slope};
use super::watch::Life;

/// All cameras are live again this long after the last misfortune.
pub const LIVE_WITHIN: Duration = Duration::from_secs(30);
/// Most lines of logs that a verdict repeats.
const LINES: usize = 20;
/// A run of this length must be able to say of edge and hub whether their memory grows.
const MEMORY_IS_TOLD: Duration = Duration::from_secs(1800);
/// Those whose memory is looked at.
const PROGRAMS: [&str; 2] = ["edge", "hub"];
/// What of it: what is in use in lulls, and what is resident all the time.
const HEAP: &str = "heap";
const RESIDENT: &str = "resident";

/// An event in the hub's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `edge.camera`.
    pub stream: String,
    /// When it began, µs since the epoch.
    pub opened_us: i64,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Of the run.
    pub seed: u64,
    /// How long it was to be.
    pub time: Duration,
    /// How many there were.
    pub cameras: usize,
    /// How many of each kind were carried out.
    pub misfortunes: BTreeMap<&'static str, usize>,
    /// Why the run ended before its time, where it did: then nothing below but the logs counts.
    pub broken: Option<String>,
    /// How long after the last misfortune all cameras were live to stay. `None` where they were not in the end.
    pub live_after: Option<Duration>,
    /// The newest number of the edge's outbox.
    pub newest: u64,
    /// What reached the hub's store: number, and whether it was kept.
    pub records: Vec<(u64, bool)>,
    /// The events in the hub's store.
    pub events: Vec<Seen>,
    /// Streams of the cameras that see people all the time.
    pub watched: Vec<String>,
    /// Each of them must have an event that began then or later, µs since the epoch: in the calm in the end, or, where
    /// that is short, within the run.
    pub events_from_us: i64,
    /// States of events that were stored in another order than they happened.
    pub out_of_order: u64,
    /// Lives of edge and hub.
    pub lives: Vec<Life>,
    /// ERROR lines and panics of edge and hub.
    pub errors: Vec<String>,
    /// How many WARN lines there were. Under misfortune they are as they should be.
    pub warnings: usize,
}

/// The memory of one life that was long enough to tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memory {
    /// `edge` or `hub`.
    pub program: &'static str,
    /// When the life began, seconds from the start of the run.
    pub from_second: f64,
    /// `heap`, in use in lulls, or `resident`.
    pub what: &'static str,
    /// How much it was in the end, MB.
    pub mb: f64,
    /// How fast it grew.
    pub slope: Slope,
    /// What that says.
    pub judgement: Judgement,
}

/// See the module. Serialised it is the last line of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// Whether every promise was kept. Memory of which nothing can be said breaks none.
    pub passed: bool,
    /// Which were not, in sentences.
    pub faults: Vec<String>,
    /// Of the run.
    pub seed: u64,
    /// How long it was to be.
    pub seconds: f64,
    /// How many there were.
    pub cameras: usize,
    /// How many of each kind were carried out.
    pub misfortunes: BTreeMap<&'static str, usize>,
    /// How long after the last misfortune all cameras were live to stay.
    pub live_after_seconds: Option<f64>,
    /// Events and pictures that the edge numbered.
    pub numbered: u64,
    /// Those of them that the hub's store lacks.
    pub lost: usize,
    /// Those that it refused.
    pub refused: usize,
    /// States of events that were stored in another order than they happened.
    pub out_of_order: u64,
    /// Events in the hub's store.
    pub events: usize,
    /// Streams on which people were to be seen, and none were in the end.
    pub silent: Vec<String>,
    /// Each life that was long enough to tell.
    pub memory: Vec<Memory>,
    /// How many ERROR lines and panics there were.
    pub errors: usize,
    /// The first of them.
    pub error_lines: Vec<String>,
    /// How many WARN lines there were.
    pub warnings: usize,
}

impl Verdict {
    /// Judges.
    pub fn of(findings: Findings) -> Self {
        let numbers: BTreeSet<u64> = findings.records.iter().map(|(number, _)| *number).collect();
        let told = |stream: &String| {
            findings.events.iter().any(|event| event.stream == *stream && event.opened_us >= findings.events_from_us)
        };
        let numbered = numbers.last().copied().unwrap_or_default().max(findings.newest);
        let mut verdict = Self {
            passed: false,
            faults: vec![],
            seed: findings.seed,
            seconds: findings.time.as_secs_f64(),
            cameras: findings.cameras,
            live_after_seconds: findings.live_after.map(|after| after.as_secs_f64()),
            numbered,
            lost: (1..=numbered).filter(|number| !numbers.contains(number)).count(),
            refused: findings.records.iter().filter(|(_, kept)| !kept).count(),
            out_of_order: findings.out_of_order,
            events: findings.events.len(),
            silent: findings.watched.iter().filter(|&stream| !told(stream)).cloned().collect(),
            memory: findings.lives.iter().flat_map(memory_of).collect(),
            misfortunes: findings.misfortunes.clone(),
            errors: findings.errors.len(),
            error_lines: findings.errors.iter().take(LINES).cloned().collect(),
            warnings: findings.warnings,
        };
        verdict.faults = verdict.find_faults(&findings);
        verdict.passed = verdict.faults.is_empty();
        verdict
    }

    fn find_faults(&self, findings: &Findings) -> Vec<String> {
        let mut faults = vec![];
        let mut fault = |holds: bool, text: String| {
            if holds {
                faults.push(text);
            }
        };
        if let Some(first) = self.error_lines.first() {
            fault(true, format!("{} ERROR lines and panics; the first: {first}", self.errors));
        }
        if let Some(reason) = &findings.broken {
            fault(true, format!("the run broke off: {reason}"));
            return faults;
        }
        match self.live_after_seconds {
            Some(after) => fault(
                after > LIVE_WITHIN.as_secs_f64(),
                format!(
                    "all cameras were live only {after:.1} s after the last misfortune, not within {LIVE_WITHIN:?}"
                ),
            ),
            None => fault(true, "not all cameras are live in the end".to_owned()),
        }
        let silent = self.silent.join(", ");
        fault(!self.silent.is_empty(), format!("people walk by, but no event began in the end on {silent}"));
        fault(findings.newest == 0, "the edge's outbox numbered nothing, so nothing was shown".to_owned());
        fault(self.lost > 0, format!("of {} records the hub's store lacks {}", self.numbered, self.lost));
        fault(self.refused > 0, format!("the hub's store refused {}", self.refused));
        fault(self.out_of_order > 0, format!("{} were stored out of order", self.out_of_order));
        for Memory { program, what, slope, judgement, .. } in &self.memory {
            let grows = format!("the {program}'s {what} memory grows by {}", in_words(slope));
            fault(*judgement == Judgement::Growing, grows);
        }
        for program in PROGRAMS {
            let mut lives = findings.lives.iter().filter(|life| life.program == program);
            let sampled = lives.any(|life| !life.samples.is_empty());
            fault(!sampled, format!("the {program}'s memory was never seen"));
            for what in [HEAP, RESIDENT] {
                let told = self.memory.iter().any(|memory| memory.program == program && memory.what == what);
                let untold = sampled && !told && findings.time >= MEMORY_IS_TOLD;
                fault(untold, format!("no life of the {program} was long enough to tell of its {what} memory"));
            }
        }
        faults
    }

    /// For a reader, a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = vec![format!(
            "{} misfortunes within {:.0} s struck {} cameras, edge, hub and broker (seed {}).",
            self.misfortunes.values().sum::<usize>(),
            self.seconds,
            self.cameras,
            self.seed
        )];
        if let Some(after) = self.live_after_seconds {
            sentences.push(format!("All cameras were live {after:.1} s after the last one, and stayed so."));
        }
        sentences.push(format!(
            "Of {} numbered records of {} events {} are lost, {} refused, {} out of order.",
            self.numbered, self.events, self.lost, self.refused, self.out_of_order
        ));
        for program in PROGRAMS {
            let mut lives = self.memory.iter().filter(|memory| memory.program == program).peekable();
            if lives.peek().is_none() {
                sentences.push(format!("No life of the {program} was long enough to say whether its memory grows."));
            }
            sentences.extend(lives.map(sentence));
        }
        sentences.push(format!("Edge and hub logged {} errors and {} warnings.", self.errors, self.warnings));
        sentences.extend(self.faults.iter().map(|fault| format!("FAULT: {fault}.")));
        let end = if self.passed { "Passed." } else { "Failed." };
        sentences.push(end.to_owned());
        sentences
    }
}

fn memory_of(life: &Life) -> Vec<Memory> {
    let kinds = [
        (HEAP, memory::of_lulls(&life.lulls), &life.lulls),
        (RESIDENT, memory::of_minutes(&life.samples), &life.samples),
    ];
    let told = kinds.into_iter().filter_map(|(what, slope, samples)| {
        let (slope, last) = (slope?, samples.last()?);
        Some(Memory {
            program: life.program,
            from_second: life.begun.as_secs_f64(),
            what,
            mb: last.bytes / 1e6,
            judgement: slope.judge(),
            slope,
        })
    });
    told.collect()
}

fn sentence(memory: &Memory) -> String {
    let Memory { program, from_second, what, mb, slope, judgement } = memory;
    let says = match judgement {
        Judgement::Flat => "that is below",
        Judgement::Undecided => "that can't be told from",
        Judgement::Growing => "that is not below",
    };
    format!(
        "The {what} memory of the {program} that began at {from_second:.0} s is {mb:.1} MB and grows by {}, over {} {}: {says} {} \
         MB/h.",
        in_words(slope),
        slope.points,
        if *what == HEAP { "lulls" } else { "min" },
        memory::LIMIT
    )
}

fn in_words(slope: &Slope) -> String {
    format!("{:.2} MB/h (95 %: {:.2} to {:.2})", slope.mb_per_hour, slope.low, slope.high)
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
