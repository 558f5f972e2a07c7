//! From a frame to boxes, tracks and events: pure but for the engines.
//!
//! In the order of the path: the [`gate`] chooses the units that are decoded, and it and [`pace`] the frames that are
//! looked at, [`fair`] whose turn it is where streams share a detector, [`seats`] which are decoded whole where there is not time
//! for all, [`cadence`] how far apart looks then really are, [`failing`] when looks that fail mean that nobody can look; a [`manifest`] says what a model needs; [`detect`]
//! fits a picture into the network's input ([`letterbox`]), runs it ([`engine`]), reads its outputs ([`head`]) and leaves
//! one box for each thing ([`suppress`]). Boxes become [`track`]s as long as the [`view`] is the same, and tracks [`event`]s.
//! [`crop`] is the part of a frame that shows an event's thing from near. [`analysis`] is these together.

pub mod gate;

pub mod pace;

pub mod cadence;

pub mod fair;

pub mod seats;

pub mod failing;

pub mod detect;

pub mod manifest;

pub mod letterbox;

pub mod engine;

pub mod head;

pub mod suppress;

pub mod track;

pub mod view;

pub mod event;

pub mod crop;

pub mod analysis;
