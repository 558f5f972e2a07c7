//! What is known of a device in the end, for people and as JSON.

use serde::Serialize;
use url::Url;

use crate::doctor::diagnose::Finding;

/// A device that answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Device {
    /// Host, and port where it is not 80, at which it was reached.
    pub address: String,
    /// Whether its device service answers.
    pub reached: bool,
    /// Its name for life; `None` where it was not asked for that.
    pub endpoint: Option<String>,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Maker.
    pub maker: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Firmware.
    pub firmware: Option<String>,
    /// How far its clock is ahead of this machine's, seconds.
    pub clock_ahead_s: Option<i64>,
    /// Whether it wants to know who asks.
    pub asks_login: bool,
    /// What it can send, in its own order.
    pub streams: Vec<Stream>,
    /// What is the matter.
    pub findings: Vec<Finding>,
}

/// A profile of a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stream {
    /// The profile's name for people.
    pub profile: String,
    /// Which of the device's cameras; recorders have many.
    pub source: Option<String>,
    /// How it is coded.
    #[serde(flatten)]
    pub coding: Coding,
    /// Where it is to be had over RTSP, without user name and password; `None` where the device does not say. Some
    /// devices have the password in its path.
    #[serde(skip)]
    pub url: Option<Url>,
    /// The same to be shown.
    #[serde(rename = "url")]
    pub shown: Option<String>,
}

/// How pictures are coded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coding {
    /// `H264`, `H265`, `JPEG`, …
    pub codec: String,
    /// Width, pixels; 0 where it is not told.
    pub width: u32,
    /// Height, pixels; 0 where it is not told.
    pub height: u32,
    /// Most pictures a second.
    pub rate_hz: Option<f32>,
    /// Most kilobits a second.
    pub kbit_s: Option<u32>,
}

impl Device {
    /// One of which nothing but its address is known.
    pub fn at(address: String) -> Self {
        Self {
            address,
            reached: false,
            endpoint: None,
            name: None,
            maker: None,
            model: None,
            firmware: None,
            clock_ahead_s: None,
            asks_login: false,
            streams: vec![],
            findings: vec![],
        }
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        self.name.as_deref().or(self.model.as_deref()).unwrap_or("camera")
    }
}

impl Coding {
    /// Pixels of a picture.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}
