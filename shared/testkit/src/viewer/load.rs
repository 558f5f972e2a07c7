//! Many viewers of one stream, and what they cost the hub.

use std::time::{Duration, Instant};

use anyhow::Context;
use omma_protocol::wire::browser::Mode;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Hub, Seen, Viewer};

/// How long a viewer may see nothing.
const SILENT: Duration = Duration::from_secs(30);

/// What is measured.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where.
    pub hub: Hub,
    /// Which stream.
    pub stream: String,
    /// How many viewers.
    pub viewers: usize,
    /// In which mode.
    pub mode: Mode,
    /// For how long, once all see pictures.
    pub time: Duration,
    /// The hub's process; without it the CPU is not measured.
    pub pid: Option<u32>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Viewers.
    pub viewers: usize,
    /// Seconds measured.
    pub seconds: f64,
    /// Pictures a viewer, the fewest.
    pub frames_min: u64,
    /// The most.
    pub frames_max: u64,
    /// The mean.
    pub frames_mean: f64,
    /// Gaps, over all viewers.
    pub gaps: u64,
    /// Pictures' bytes a viewer, Mbit/s.
    pub mbit_per_viewer: f64,
    /// From the first join to the time when all saw a picture, s.
    pub join_seconds: f64,
    /// From a viewer's join to its first picture, median over the viewers, ms.
    pub first_picture_ms: f64,
    /// CPU seconds of the hub while measured.
    pub hub_cpu_seconds: Option<f64>,
    /// Per cent of one core for each viewer.
    pub cpu_percent_per_viewer: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    frames: u64,
    bytes: u64,
    gaps: u64,
    first_picture: Duration,
}

/// When viewers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Joining,
    Counting,
    Done,
}

impl Load {
    /// Joins all viewers, waits until each has seen a picture, then counts.
    ///
    /// # Errors
    /// Where one of them can't join or loses its picture.
    pub async fn run(self) -> anyhow::Result<Report> {
        let began = Instant::now();
        let (phase, phases) = watch::channel(Phase::Joining);
        let (seen, mut seeing) = tokio::sync::mpsc::channel(self.viewers.max(1));
        let mut tasks = JoinSet::new();
        for n in 0..self.viewers {
            let joined = Instant::now();
            let viewer = Viewer::join(&self.hub, &self.stream, self.mode).await;
            let viewer = viewer.with_context(|| format!("viewer {n} joins"))?;
            tasks.spawn(watch_stream(viewer, joined, self.hub.clone(), phases.clone(), seen.clone()));
        }
        for _ in 0..self.viewers {
            tokio::select! {
                first = seeing.recv() => first.context("a viewer ended before its first picture")?,
                ended = tasks.join_next() => { ended.context("a viewer ended")???; }
            }
        }
        let join_seconds = began.elapsed().as_secs_f64();

        let cpu = self.pid.map(cpu_seconds).transpose()?;
        let counting = Instant::now();
        phase.send_replace(Phase::Counting);
        tokio::time::sleep(self.time).await;
        let seconds = counting.elapsed().as_secs_f64();
        let hub_cpu_seconds = match (self.pid, cpu) {
            (Some(pid), Some(before)) => Some(cpu_seconds(pid)? - before),
            _ => None,
        };
        phase.send_replace(Phase::Done);
        let mut counts = vec![];
        while let Some(count) = tasks.join_next().await {
            counts.push(count??);
        }

        let viewers = counts.len().max(1) as f64;
        let frames = || counts.iter().map(|c| c.frames);
        let mut first: Vec<_> = counts.iter().map(|c| c.first_picture).collect();
        first.sort_unstable();
        Ok(Report {
            viewers: counts.len(),
            seconds,
            frames_min: frames().min().unwrap_or(0),
            frames_max: frames().max().unwrap_or(0),
            frames_mean: frames().sum::<u64>() as f64 / viewers,
            gaps: counts.iter().map(|c| c.gaps).sum(),
            mbit_per_viewer: counts.iter().map(|c| c.bytes).sum::<u64>() as f64 * 8e-6 / viewers / seconds,
            join_seconds,
            first_picture_ms: first.get(first.len() / 2).map_or(0.0, |d| d.as_secs_f64() * 1e3),
            hub_cpu_seconds,
            cpu_percent_per_viewer: hub_cpu_seconds.map(|cpu| 100.0 * cpu / seconds / viewers),
        })
    }
}

async fn watch_stream(
    mut viewer: Viewer,
    joined: Instant,
    hub: Hub,
    mut phases: watch::Receiver<Phase>,
    seen: tokio::sync::mpsc::Sender<()>,
) -> anyhow::Result<Count> {
    let mut count = Count::default();
    let mut first = false;
    loop {
        let next = tokio::select! {
            changed = phases.changed() => { changed?; None }
            next = viewer.next(SILENT) => Some(next?),
        };
        let phase = *phases.borrow_and_update();
        match (phase, next) {
            (Phase::Done, _) => break,
            (_, Some(Seen::Gone)) => anyhow::bail!("the hub ended a viewer's session"),
            (Phase::Joining, Some(Seen::Picture { .. })) if !first => {
                first = true;
                count.first_picture = joined.elapsed();
                seen.send(()).await?;
            }
            (Phase::Counting, Some(Seen::Picture { data, contiguous, .. })) => {
                count.frames += 1;
                count.bytes += data.len() as u64;
                count.gaps += u64::from(!contiguous);
            }
            _ => {}
        }
    }
    hub.leave(viewer.session()).await?;
    Ok(count)
}

/// CPU time that a process has taken, user and system, in seconds: `utime` and `stime` of proc(5), in ticks of 10 ms.
fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("read {path}: is {pid} the hub's process?"))?;
    // The program's name, field 2, is in parentheses and may hold anything.
    let (_, after_name) = stat.rsplit_once(')').with_context(|| format!("{path} is not as in proc(5)"))?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|f| f.parse::<f64>().ok()).with_context(|| format!("{path} ends early"));
    Ok((ticks()? + ticks()?) / 100.0)
}
