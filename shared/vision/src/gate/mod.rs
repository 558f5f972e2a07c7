//! Which units are decoded and which frames are looked at: an idle camera costs next to nothing, and nobody walks past
//! unseen.
//!
//! ```text
//!            size                    mean luma of cells            detections
//! unit ──▶ [Sizes] ──moves──▶ decode ──▶ [Background] ──changed──▶ probe ──found──▶ look back, detect, track
//!             │ calm                          │ calm                  │ nothing
//!             ▼                               ▼                       ▼
//!           skip (of key pictures        learn the scene       learn it, ask more the next time
//!           at most every second)
//!
//! Learning ──usual known──▶ Idle ⇄ Looking          Idle, Looking ──a probe finds news──▶ Active
//!                             ▲                                                              │
//!                             └───────── no moving track for `hold` ─────────────────────────┘
//! ```
//!
//! The caller keeps the units since [`Gate::keep_from`], has a decoder, a detector and a tracker, and does as told:
//!
//! ```text
//! keep(unit); let mut todo = match gate.unit(unit.time, unit.key, unit.data.len()) {
//!     Order::Skip => [],
//!     Order::Decode => [unit],
//!     Order::DecodeFrom(key) => kept units from `key` on,              // begins with a key picture, ends with this one
//! };
//! while let Some(unit) = todo.next() {
//!     for each frame that comes out of decode(unit)
//!         match gate.frame(frame.time, |mask| Thumbnail::of(&frame.planes(), mask)) {
//!             Look::Pass => {}
//!             Look::Spare if others would wait for it => gate.refused(),
//!             Look::Detect | Look::Spare => { found = detect(frame); gate.tracked(frame.time, &found, &tracker.update(…found)) }
//!             Look::Probe => if let Some(key) = gate.probed(frame.time, &detect(frame)) {   // not for the tracker
//!                 todo = kept units from `key` on;             // instead of what was left: the tracker sees all in order
//!             }
//!         }
//! }
//! ```
//!
//! A decoder of a reordered stream holds a picture back: a key picture that is decoded alone has to be flushed out of
//! it, or it is judged a group late. A probe is answered before the next frame or unit is told.
//!
//! Where what is to be kept would exceed the caller's bound, it lets all go. While it decodes every unit it may go on so;
//! once the gate asks for what is gone, or skips, it says so: [`Gate::interrupted`].
//! `detect` gives what is of interest: classes nobody asked for are left out before. A frame that is dropped on its way
//! to the detector does no harm: the gate asks again. After a loss or a reconnect: [`Gate::interrupted`].
//!
//! The gate reads no clock, does no I/O and spawns nothing; the same calls give the same answers. It is owned by the
//! camera's analysis. Memory: at most 0.3 MB a camera, whatever the stream does: 25 KB of sizes, 14 KB of things at
//! rest, 8 KB of mask, and 28 bytes for each of at most 8,192 cells.
//!
//! Where the constants come from: `docs/design/0004-gate.md`.

mod config;
pub use config::{GateConfig, Mode};

mod machine;
pub use machine::{Gate, Look};

mod states;

mod group;
pub use group::Order;

mod tier;
pub use tier::{Tier, Why};

mod report;
pub use report::{Counts, Reason, Report, State};

mod thumbnail;
pub use thumbnail::{MAX_CELLS, Mask, Thumbnail};

mod spare;

mod sizes;

mod scene;

mod background;

mod still;

mod budget;

#[cfg(test)]
mod tests;
