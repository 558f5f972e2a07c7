//! Makes events at a rate, and notes which of them are on disk.
//!
//! ```text
//! put ─▶ sync ─▶ ledger: `17 opened 0198…`, `17 pictured 0198…`, `9 closed 0198…`, at last `done`
//! ```
//!
//! What is in the ledger was on the outbox's disk, and so must arrive. What was put and is not in the ledger when the
//! program is killed may have been on disk or not: its number is used again, for another event.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use edge_agent::outbox::Outbox;
use omma_protocol::detection::{Analyst, Place};
use omma_protocol::event::{Event, Lasting, Phase, Picture};
use omma_protocol::geometry::Rect;
use omma_protocol::id::{CameraId, EventId};
use omma_protocol::time::CaptureTime;
use omma_protocol::track::TrackId;
use tokio::runtime::Handle;
use uuid::Uuid;

/// Events under way at a time.
const OPEN: usize = 8;
/// Events between two looks at the disk.
const BATCH: u64 = 16;
/// One event in so many has a picture.
const PICTURED: u64 = 10;
const PICTURE_BYTES: usize = 4096;

/// What is on disk, written with one call a batch: a SIGKILL leaves at worst half a last line.
pub(super) struct Ledger {
    file: File,
    /// The first event that is not in it.
    next: u64,
    done: bool,
}

impl Ledger {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).context("open the ledger")?;
        let mut text = String::new();
        file.read_to_string(&mut text).context("read the ledger")?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let opened = whole.lines().filter_map(|line| line.split_once(" opened ")?.0.parse::<u64>().ok());
        let next = opened.max().map_or(0, |last| last + 1);
        let done = whole.lines().any(|line| line == "done");
        // Ends what half of a line a kill left.
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").context("write the ledger")?;
        }
        Ok(Self { file, next, done })
    }

    fn note(&mut self, lines: &str) -> anyhow::Result<()> {
        self.file.write_all(lines.as_bytes()).context("write the ledger")
    }
}

/// What makes the events. Runs in a thread of its own, as a camera's analysis does.
pub(super) struct Writer {
    outbox: Outbox,
    runtime: Handle,
    ledger: Ledger,
    rate: f64,
    cameras: Vec<CameraId>,
    analyst: Arc<Analyst>,
    picture: Vec<u8>,
    open: VecDeque<Event>,
}

impl Writer {
    pub(super) fn new(outbox: Outbox, runtime: Handle, ledger: Ledger, rate: f64) -> anyhow::Result<Self> {
        let cameras = ["north", "east", "south", "west"].iter().map(|name| name.parse());
        let cameras = cameras.collect::<Result<Vec<CameraId>, _>>()?;
        let analyst = Analyst { place: Place::Edge, engine: "none".into(), model: "none".into() };
        // What makes a JPEG file of it: its first and last marker (ITU-T T.81 §B.1.1.3).
        let mut picture = vec![0; PICTURE_BYTES];
        picture[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
        picture[PICTURE_BYTES - 2..].copy_from_slice(&[0xff, 0xd9]);
        let (analyst, open) = (Arc::new(analyst), VecDeque::new());
        Ok(Self { outbox, runtime, ledger, rate, cameras, analyst, picture, open })
    }

    /// Until there are so many events in the ledger.
    pub(super) fn run(mut self, events: u64) -> anyhow::Result<()> {
        if self.ledger.done {
            return Ok(());
        }
        let (began, first) = (Instant::now(), self.ledger.next);
        for batch in (first..events).step_by(BATCH as usize) {
            let mut lines = String::new();
            for number in batch..(batch + BATCH).min(events) {
                self.opens(number, &mut lines)?;
                while self.open.len() > OPEN {
                    self.closes(&mut lines)?;
                }
            }
            self.note(&lines)?;
            let due = Duration::try_from_secs_f64((batch + BATCH - first) as f64 / self.rate).unwrap_or_default();
            std::thread::sleep((began + due).saturating_duration_since(Instant::now()));
        }
        let mut lines = String::new();
        while !self.open.is_empty() {
            self.closes(&mut lines)?;
        }
        self.note(&(lines + "done\n"))
    }

    fn opens(&mut self, number: u64, lines: &mut String) -> anyhow::Result<()> {
        let now = now();
        let camera = self.cameras[number as usize % self.cameras.len()].clone();
        let event = Event {
            id: EventId(Uuid::now_v7()),
            camera,
            phase: Phase::Opened,
            revision: 1,
            label: "person".into(),
            track: TrackId(number),
            score: 0.5,
            rect: Rect { x: 0.25, y: 0.5, w: 0.125, h: 0.25 },
            opened: now,
            best: now,
            closed: None,
            cause: None,
            analyst: self.analyst.clone(),
        };
        let mut put = vec![Lasting::Event(event.clone())];
        *lines += &format!("{number} opened {}\n", event.id);
        if number.is_multiple_of(PICTURED) {
            put.push(Lasting::Picture(Picture {
                event: event.id,
                camera: event.camera.clone(),
                revision: 1,
                time: now,
                jpeg: self.picture.clone().into(),
                crop: Some(self.picture.clone().into()),
            }));
            *lines += &format!("{number} pictured {}\n", event.id);
        }
        self.open.push_back(event);
        Ok(self.outbox.put_blocking(put)?)
    }

    fn closes(&mut self, lines: &mut String) -> anyhow::Result<()> {
        let Some(event) = self.open.pop_front() else { return Ok(()) };
        *lines += &format!("{} closed {}\n", event.track.0, event.id);
        let closed = Event { phase: Phase::Closed, revision: event.revision + 1, closed: Some(now()), ..event };
        Ok(self.outbox.put_blocking(vec![Lasting::Event(closed)])?)
    }

    fn note(&mut self, lines: &str) -> anyhow::Result<()> {
        self.runtime.block_on(self.outbox.sync())?;
        self.ledger.note(lines)
    }
}

fn now() -> CaptureTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    CaptureTime(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
