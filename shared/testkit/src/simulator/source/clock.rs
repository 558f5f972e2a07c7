//! A live picture of the clock, coded once for all its players, and only while there are any.
//!
//! One thread draws and codes. It begins with the first player, ends after the last, and codes a key picture for every
//! player that joins, as cameras do. Pictures go out through a broadcast channel that holds [`KEPT`] of time; a player
//! that falls behind by more loses its feed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use omma_media::encode::{EncodeError, Encoder, EncoderConfig};
use omma_media::frame::{Colour, Planes};
use omma_protocol::time::CaptureTime;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

use super::super::pattern;
use super::backdrop::Backdrop;
use super::{Due, ParameterSets, Picture, Rate, SourceError, wall_clock};

/// How much stream is kept for a slow player.
const KEPT: Duration = Duration::from_secs(4);
/// Coded bits a pixel: 4 Mbit/s at 1280x720, 30 pictures a second.
const BITS_PER_PIXEL: f32 = 0.145;

/// The camera.
#[derive(Debug)]
pub(in crate::simulator) struct Clock {
    canvas: Canvas,
    backdrop: Option<Backdrop>,
    parameter_sets: ParameterSets,
    pictures: broadcast::Sender<Due>,
    key_wanted: AtomicBool,
    /// Whether the thread runs.
    running: Mutex<bool>,
}

impl Clock {
    pub(super) fn new(
        width: usize,
        height: usize,
        rate: Rate,
        backdrop: Option<Backdrop>,
    ) -> Result<Self, SourceError> {
        let fits = (pattern::MIN_WIDTH..=3840).contains(&width) && (pattern::CELL..=2160).contains(&height);
        if !fits || !width.is_multiple_of(2) || !height.is_multiple_of(2) {
            return Err(SourceError::Size { width, height });
        }
        let canvas = Canvas { width, height, rate };
        let mut studio = Studio::new(canvas)?;
        let first = studio.take(0, CaptureTime(0), true, backdrop.as_ref())?;
        let parameter_sets = ParameterSets::find(first.codec, &first.nals).ok_or(SourceError::NoParameterSets)?;
        let (pictures, _) = broadcast::channel(1 + rate.index_at(KEPT) as usize);
        let (key_wanted, running) = (AtomicBool::new(false), Mutex::new(false));
        Ok(Self { canvas, backdrop, parameter_sets, pictures, key_wanted, running })
    }

    pub(super) fn parameter_sets(&self) -> &ParameterSets {
        &self.parameter_sets
    }

    /// Joins, and starts the thread where it rests.
    pub(super) fn watch(self: &Arc<Self>) -> Watching {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let pictures = self.pictures.subscribe();
        self.key_wanted.store(true, Ordering::Relaxed);
        if !*running {
            *running = true;
            let clock = self.clone();
            std::thread::spawn(move || clock.run());
        }
        Watching { pictures, begun: false }
    }

    fn run(&self) {
        if let Err(error) = self.film() {
            tracing::error!(%error, "the clock camera's encoder failed; its players get no more pictures");
            *self.running.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
    }

    fn film(&self) -> Result<(), EncodeError> {
        let mut studio = Studio::new(self.canvas)?;
        let rate = self.canvas.rate;
        let begun = Instant::now();
        let (mut number, mut last) = (0, CaptureTime(0));
        while self.somebody_watches() {
            // A clock that is set back must not make two pictures one: stamps grow by a tick of 90 kHz at least.
            let time = wall_clock().max(last + Duration::from_micros(12));
            last = time;
            let at = Instant::now();
            let key = self.key_wanted.swap(false, Ordering::Relaxed);
            let picture = studio.take(number, time, key, self.backdrop.as_ref())?;
            // Refused only when the last player has just left, which the loop's head finds out.
            self.pictures.send(Due { picture: Arc::new(picture), time, at }).ok();
            // On a machine too busy for real time pictures are left out. None is taken late and called punctual, nor
            // right after a late one, which no sensor could.
            let earliest = (at + rate.time_of(1) / 2).max(Instant::now());
            number = rate.index_at(earliest - begun) + 1;
            std::thread::sleep((begun + rate.time_of(number)).saturating_duration_since(Instant::now()));
        }
        Ok(())
    }

    /// Says no only once: the next player starts a new thread.
    fn somebody_watches(&self) -> bool {
        if self.pictures.receiver_count() > 0 {
            return true;
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = self.pictures.receiver_count() > 0;
        *running
    }
}

#[derive(Debug, Clone, Copy)]
struct Canvas {
    width: usize,
    height: usize,
    rate: Rate,
}

/// The encoder and what it draws on.
struct Studio {
    canvas: Canvas,
    encoder: Encoder,
    luma: Vec<u8>,
    /// Both chroma planes, one after the other.
    chroma: Vec<u8>,
}

impl Studio {
    fn new(canvas: Canvas) -> Result<Self, EncodeError> {
        let Canvas { width, height, rate } = canvas;
        let bits_per_second = (width * height) as f32 * rate.hz() * BITS_PER_PIXEL;
        let encoder = Encoder::new(EncoderConfig {
            bitrate: bits_per_second as u32,
            fps: rate.hz(),
            // One a second.
            key_interval: rate.hz().ceil() as u32,
        })?;
        Ok(Self { canvas, encoder, luma: vec![0; width * height], chroma: vec![128; width * height / 2] })
    }

    /// Draws and codes one picture.
    fn take(
        &mut self,
        number: u64,
        time: CaptureTime,
        key: bool,
        backdrop: Option<&Backdrop>,
    ) -> Result<Picture, EncodeError> {
        let Canvas { width, height, rate } = self.canvas;
        match backdrop {
            Some(backdrop) => self.hang(&backdrop.behind(number, rate)),
            None => pattern::draw(&mut self.luma, width, number),
        }
        pattern::burn(&mut self.luma, width, (time.as_micros() / 1000) as u32);
        if key {
            self.encoder.force_key();
        }
        let planes = Planes {
            width: width as u32,
            height: height as u32,
            y: &self.luma,
            u: &self.chroma[..width * height / 4],
            v: &self.chroma[width * height / 4..],
            y_stride: width,
            uv_stride: width / 2,
            colour: Colour::default(),
        };
        let unit = self.encoder.encode(planes, time)?;
        Ok(Picture::cut(unit.codec, &unit.data, &unit.data))
    }

    /// Copies a picture of the canvas's size onto it.
    fn hang(&mut self, picture: &Planes<'_>) {
        let Canvas { width, .. } = self.canvas;
        copy_rows(&mut self.luma, width, picture.y, picture.y_stride);
        let (u, v) = self.chroma.split_at_mut(self.luma.len() / 4);
        copy_rows(u, width / 2, picture.u, picture.uv_stride);
        copy_rows(v, width / 2, picture.v, picture.uv_stride);
    }
}

fn copy_rows(to: &mut [u8], width: usize, from: &[u8], stride: usize) {
    for (to, from) in to.chunks_exact_mut(width).zip(from.chunks(stride)) {
        to.copy_from_slice(&from[..width]);
    }
}

/// One player's place in the live stream.
#[derive(Debug)]
pub(in crate::simulator) struct Watching {
    pictures: broadcast::Receiver<Due>,
    begun: bool,
}

impl Watching {
    pub(super) async fn next(&mut self) -> Option<Due> {
        loop {
            match self.pictures.recv().await {
                Ok(due) if self.begun || due.picture.key => {
                    self.begun = true;
                    return Some(due);
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_) | RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use omma_protocol::unit::Codec;

    use super::*;

    fn clock() -> Arc<Clock> {
        Arc::new(Clock::new(pattern::MIN_WIDTH, 64, "30".parse().unwrap(), None).unwrap())
    }

    #[tokio::test]
    async fn each_player_begins_at_a_key_picture_with_parameter_sets() {
        let clock = clock();
        let mut players = vec![];
        for _ in 0..2 {
            let mut player = clock.watch();
            let first = player.next().await.unwrap();
            assert!(first.picture.key);
            assert_eq!(ParameterSets::find(Codec::H264, &first.picture.nals).as_ref(), Some(clock.parameter_sets()));
            let second = player.next().await.unwrap();
            assert!(second.time > first.time);
            players.push(player);
        }
    }

    #[tokio::test]
    async fn the_thread_rests_when_nobody_watches_and_wakes_again() {
        let clock = clock();
        for _ in 0..2 {
            assert!(clock.watch().next().await.is_some());
            let begun = Instant::now();
            while *clock.running.lock().unwrap() {
                assert!(begun.elapsed() < Duration::from_secs(20), "the thread goes on");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for (width, height) in [(640, 480), (1281, 720), (1280, 721), (1280, 0), (100_000, 720)] {
            let error = Clock::new(width, height, "30".parse().unwrap(), None).unwrap_err();
            assert!(error.to_string().contains("832x32"), "{error}");
        }
    }
}
