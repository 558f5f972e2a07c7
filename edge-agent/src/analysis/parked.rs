//! What is parked before a camera, kept beside the outbox, so that a restart makes no event of what stands where it stood.
//!
//! ```text
//! {edge.data}/parked/{camera}.json       replaced whole, at most once a minute and at the end
//!                          .damaged      one that could not be read
//! ```
//!
//! 1. [`ParkedFile::read`] before the first picture; what is too old, or of another view, the analysis forgets
//!    ([`omma_vision::analysis::Analysis::know`]).
//! 2. [`ParkedFile::keep`] while it is looked at. A thread of the runtime's writes, one write at a time: no picture waits for
//!    the disk, and what a disk does not take is written a minute later.
//! 3. [`ParkedFile::end`] at the end, which waits for the disk, but not for long.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use omma_protocol::geometry::Rect;
use omma_protocol::id::CameraId;
use omma_protocol::time::CaptureTime;
use omma_runtime::file;
use omma_vision::event::parked::{Parked, ParkedThing};
use omma_vision::event::rule::config::Direction;
use omma_vision::gate::Thumbnail;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::step;

/// The shortest time between two writes.
const EVERY: Duration = Duration::from_secs(60);
/// How long the disk may take at the start and at the end.
const PATIENCE: Duration = Duration::from_secs(2);
/// Larger than any that was written: 512 things, each told of by some rules.
const LARGEST: u64 = 1 << 20;

/// The file of one camera. Its analysis owns it.
#[derive(Debug)]
pub(super) struct ParkedFile {
    path: PathBuf,
    /// What it holds; `None` where that is not known.
    kept: Option<Parked>,
    looked: Instant,
    writing: Option<JoinHandle<io::Result<()>>>,
}

impl ParkedFile {
    /// Of a camera, under `data`.
    pub(super) fn new(data: &Path, camera: &CameraId) -> Self {
        let path = data.join("parked").join(format!("{camera}.json"));
        Self { path, kept: Some(Parked::default()), looked: Instant::now(), writing: None }
    }

    /// What an earlier run had parked. One that can't be read is set aside.
    pub(super) fn read(&mut self, runtime: &Handle) -> Option<Parked> {
        let path = self.path.clone();
        let reading = runtime.spawn_blocking(move || step::EVENT.span().in_scope(|| read(&path)));
        let read = runtime.block_on(async { tokio::time::timeout(PATIENCE, reading).await }).ok()?.ok()??;
        self.kept = Some(read.clone());
        Some(read)
    }

    /// Whether it is time to look for what is new.
    pub(super) fn is_due(&self) -> bool {
        self.looked.elapsed() >= EVERY
    }

    /// Writes what is parked now, where that is news, and the last write is done.
    pub(super) fn keep(&mut self, parked: Parked, runtime: &Handle) {
        self.looked = Instant::now();
        if self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return;
        }
        if let Some(written) = self.writing.take() {
            let failed = match runtime.block_on(written) {
                Ok(written) => written.err().map(|e| e.to_string()),
                Err(e) => Some(e.to_string()),
            };
            if let Some(e) = failed {
                tracing::debug!(file = %self.path.display(), error = e, "what is parked can't be written");
                self.kept = None;
            }
        }
        if self.kept.as_ref().is_none_or(|kept| parked.is_news(kept)) {
            self.kept = Some(parked.clone());
            let path = self.path.clone();
            self.writing = Some(runtime.spawn_blocking(move || write(&path, &parked)));
        }
    }

    /// The last write.
    pub(super) fn end(mut self, parked: Parked, runtime: &Handle) {
        let path = self.path.clone();
        let done = |writing: Option<JoinHandle<_>>| {
            let Some(writing) = writing else { return true };
            runtime.block_on(async { tokio::time::timeout(PATIENCE, writing).await }).is_ok()
        };
        // Not beside another write, which would be of what was.
        let ended = done(self.writing.take()) && {
            // The last that is written says what is so, and since when: it may be read hours later.
            self.kept = self.kept.take().filter(|kept| *kept == parked);
            self.keep(parked, runtime);
            done(self.writing.take())
        };
        if !ended {
            tracing::debug!(file = %path.display(), "the disk does not take what is parked");
        }
    }
}

fn read(path: &Path) -> Option<Parked> {
    let found = fs::metadata(path).and_then(|found| if found.len() > LARGEST { Ok(vec![]) } else { fs::read(path) });
    let bytes = match found {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
        Err(e) => {
            tracing::warn!(file = %path.display(), error = %e, "what was parked can't be read: each parked thing makes an event anew");
            return None;
        }
    };
    match serde_json::from_slice(&bytes) {
        Ok(ParkedV1 { version: 1, view, things }) => {
            Some(Parked { view: view.into(), things: things.into_iter().map(Into::into).collect() })
        }
        Ok(ParkedV1 { version, .. }) => {
            tracing::info!(version, "what was parked is of another version: each parked thing makes an event anew");
            None
        }
        Err(e) => {
            let aside = path.with_extension("json.damaged");
            let set_aside = fs::rename(path, &aside).map_or_else(|e| e.to_string(), |()| aside.display().to_string());
            tracing::warn!(error = %e, set_aside, "the file of what is parked is damaged: each parked thing makes an event anew");
            None
        }
    }
}

fn write(path: &Path, parked: &Parked) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let things = parked.things.iter().map(ThingV1::of).collect();
    let file = ParkedV1 { version: 1, view: ViewV1::of(&parked.view), things };
    file::replace(path, &serde_json::to_vec(&file)?)
}

#[derive(Serialize, Deserialize)]
struct ParkedV1 {
    version: u32,
    view: ViewV1,
    things: Vec<ThingV1>,
}

/// A thumbnail: mean luma of each cell, row by row.
#[derive(Serialize, Deserialize)]
struct ViewV1 {
    columns: usize,
    means: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct ThingV1 {
    label: String,
    /// x, y, width and height, of the picture.
    rect: [f32; 4],
    score: f32,
    place: [f32; 4],
    since_us: i64,
    seen_us: i64,
    told: Vec<(String, Option<DirectionV1>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DirectionV1 {
    ToRight,
    ToLeft,
}

impl ViewV1 {
    fn of(view: &Thumbnail) -> Self {
        // Saturates, and what is no number is black.
        Self { columns: view.columns, means: view.means.iter().map(|mean| mean.round() as u8).collect() }
    }
}

impl From<ViewV1> for Thumbnail {
    fn from(view: ViewV1) -> Self {
        let rows = view.means.len().checked_div(view.columns).unwrap_or_default();
        let means = view.means.into_iter().map(f32::from).take(rows * view.columns).collect();
        Self { columns: if rows == 0 { 0 } else { view.columns }, rows, means }
    }
}

impl ThingV1 {
    fn of(thing: &ParkedThing) -> Self {
        let rect = |rect: Rect| [rect.x, rect.y, rect.w, rect.h];
        let direction = |direction: Direction| match direction {
            Direction::ToRight => DirectionV1::ToRight,
            Direction::ToLeft => DirectionV1::ToLeft,
        };
        Self {
            label: thing.label.to_string(),
            rect: rect(thing.rect),
            score: thing.score,
            place: rect(thing.place),
            since_us: thing.since.0,
            seen_us: thing.seen.0,
            told: thing.told.iter().map(|(rule, way)| (rule.to_string(), way.map(direction))).collect(),
        }
    }
}

impl From<ThingV1> for ParkedThing {
    fn from(thing: ThingV1) -> Self {
        let rect = |[x, y, w, h]: [f32; 4]| Rect { x, y, w, h };
        let direction = |direction: DirectionV1| match direction {
            DirectionV1::ToRight => Direction::ToRight,
            DirectionV1::ToLeft => Direction::ToLeft,
        };
        Self {
            label: thing.label.into(),
            rect: rect(thing.rect),
            score: thing.score,
            place: rect(thing.place),
            since: CaptureTime(thing.since_us),
            seen: CaptureTime(thing.seen_us),
            told: thing.told.into_iter().map(|(rule, way)| (rule.into(), way.map(direction))).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
