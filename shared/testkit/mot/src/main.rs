//! `omma-mot`: the project's own detector and tracker on files as the MOT Challenge has them ([`boxes`]).
//!
//! `detect` finds the persons of an H.264 file; `track` follows boxes as a camera's analysis does, and tells how long
//! that took. Neither is a part of the product.

mod boxes;

mod detect;

mod track;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

use boxes::Size;

/// The project's detector and tracker on files of the MOT Challenge.
#[derive(Debug, Parser)]
enum Arguments {
    /// Writes the persons of each picture of an H.264 file, and tells its size as JSON.
    Detect {
        /// Folder of the model.
        #[arg(long)]
        model: PathBuf,
        /// ONNX Runtime's library; without it tract runs the model.
        #[arg(long)]
        onnxruntime: Option<PathBuf>,
        /// The camera's `min_score`: what the tracker takes is found, too.
        #[arg(long, default_value_t = 0.5)]
        min_score: f32,
        /// Where the boxes are written.
        #[arg(long)]
        out: PathBuf,
        /// H.264 as a byte stream, without B-frames.
        film: PathBuf,
    },
    /// Writes the tracks of a file of boxes, and tells as JSON how long a frame took.
    Track {
        /// The pictures' size in pixels, as `640x480`.
        #[arg(long)]
        size: Size,
        /// Pictures a second.
        #[arg(long)]
        rate: f32,
        /// How many pictures there are, those without a box included.
        #[arg(long)]
        frames: u32,
        /// The camera's `min_score`.
        #[arg(long, default_value_t = 0.5)]
        min_score: f32,
        /// How often all is done anew; the median is told.
        #[arg(long, default_value_t = 1)]
        runs: usize,
        /// Where the tracks are written.
        #[arg(long)]
        out: PathBuf,
        /// The boxes.
        boxes: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("omma-mot: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let (told, lines, out) = match arguments {
        Arguments::Detect { model, onnxruntime, min_score, out, film } => {
            let film = std::fs::read(&film).with_context(|| format!("read {}", film.display()))?;
            let (told, lines) = detect::detect(&model, onnxruntime, min_score, &film)?;
            (told, lines, out)
        }
        Arguments::Track { size, rate, frames, min_score, runs, out, boxes } => {
            let film = track::Film { size, rate, frames };
            let (told, lines) = track::track(&boxes::read(&text(&boxes)?)?, film, min_score, runs)?;
            (told, lines, out)
        }
    };
    std::fs::write(&out, boxes::write(&lines)).with_context(|| format!("write {}", out.display()))?;
    writeln!(std::io::stdout(), "{told}")?;
    Ok(())
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
