//! What was found, as it is written in JSON.
//!
//! The keys are a public contract, with their unit in their name: they are added to, never renamed or given another
//! meaning, without a new [`FORMAT`]. What is not known is `null`.

use omma_protocol::unit::Codec;
use serde::Serialize;

use crate::interpreter::Mend;

/// The version of these keys.
pub const FORMAT: u32 = 1;

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// Scheme, host and port.
    pub camera: String,
    /// Whether the camera could be shown a user name and password.
    pub credentials_given: bool,
    /// Whether they were read as they stand, from an address that is no well-formed URL.
    pub credentials_literal: bool,
    /// How pictures were to come.
    pub transport_asked: Asked,
    /// Each way that was tried, in order. The last is the one that was measured.
    pub attempts: Vec<Attempt>,
    /// What the camera answered to DESCRIBE.
    pub description: Option<Description>,
    /// What its parameter sets say, once a key picture with them came.
    pub video: Option<Video>,
    /// What was measured, where a picture came.
    pub measured: Option<Measured>,
    /// Faults of its RTSP that were put right.
    pub interpreted: Vec<Mend>,
    /// Why there are no pictures, or none any more before the time was up.
    pub failure: Option<Failure>,
}

impl Report {
    /// The way that was measured.
    pub fn transport(&self) -> Option<Way> {
        self.measured.as_ref().and_then(|_| self.attempts.last()).map(|attempt| attempt.transport)
    }
}

/// How pictures are to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// As the agent does unless told otherwise; the other way where that brings no picture.
    #[default]
    Auto,
    /// Within the RTSP connection.
    Tcp,
    /// As datagrams.
    Udp,
}

impl Asked {
    /// What to try, one after the other while no picture comes. Silence over UDP alone would not tell a firewall from a
    /// camera that sends nothing, so that TCP is tried too.
    pub fn ways(self) -> &'static [Way] {
        match self {
            Self::Auto => &[Way::Tcp, Way::Udp],
            Self::Tcp => &[Way::Tcp],
            Self::Udp => &[Way::Udp, Way::Tcp],
        }
    }
}

/// A way for RTP packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Within the RTSP connection (RFC 7826 §14).
    Tcp,
    /// As datagrams.
    Udp,
}

impl Way {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Which way.
    pub transport: Way,
    /// From the beginning to the answer to DESCRIBE.
    pub described_after_ms: Option<u64>,
    /// From the beginning to the first whole picture.
    pub first_picture_after_ms: Option<u64>,
    /// How it ended before its time.
    pub failure: Option<Failure>,
}

/// Why there are no pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Which kind.
    pub kind: FailureKind,
    /// In words, redacted.
    pub reason: String,
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No connection.
    Unreachable,
    /// A connection, but no answer over it.
    Unanswered,
    /// User name and password are not accepted.
    Refused,
    /// No stream under this path.
    NotFound,
    /// No stream that this program can use.
    Unusable,
    /// It plays, but no picture comes.
    Silent,
    /// The camera closed the connection.
    Closed,
    /// The camera has no session free.
    Busy,
    /// Anything else.
    Failed,
}

impl FailureKind {
    /// Whether the other transport may do better.
    pub fn may_be_the_transport(self) -> bool {
        matches!(self, Self::Silent | Self::Closed | Self::Failed)
    }
}

/// What a camera answered to DESCRIBE (RFC 4566).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// The program that the camera says it is: `a=tool`.
    pub server: Option<String>,
    /// Whether the camera described itself at another address than the one that was asked.
    pub redirected: bool,
    /// Whether that program goes on sending to sessions that are closed, as live555 did until 2017.
    pub sends_to_closed_sessions: bool,
    /// Its streams.
    pub streams: Vec<Offer>,
    /// Whether the description of the video has parameter sets (`sprop-…`).
    pub has_parameter_sets: bool,
    /// Whether they can be read.
    pub parameter_sets_readable: bool,
}

/// One stream that a camera describes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Offer {
    /// `video`, `audio`, `application`.
    pub media: String,
    /// `h264`, `pcma`, ….
    pub encoding: String,
    /// Rate of its RTP stamps.
    pub clock_hz: u32,
    /// Pictures a second, as promised.
    pub rate_hz: Option<f64>,
    /// Whether it is the one that Omma takes.
    pub taken: bool,
}

/// What a parameter set says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coding {
    /// Codec.
    pub codec: Codec,
    /// Its profile by name.
    pub profile: String,
    /// `4.1`.
    pub level: String,
    /// Pixels, cropped.
    pub width: u32,
    /// Pixels, cropped.
    pub height: u32,
    /// Whether pictures may be coded as fields.
    pub interlaced: bool,
    /// Bits a sample.
    pub bit_depth: u8,
    /// `4:2:0`.
    pub chroma: String,
    /// What it says of the order of pictures.
    pub reordering: Reordering,
    /// Pictures a second by its timing information, which many cameras fill in at random.
    pub rate_hz: Option<f64>,
}

/// What a parameter set says of the order of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reordering {
    /// Sent as shown.
    Never,
    /// Nothing.
    Unsaid,
    /// Some are sent before others that are shown first.
    Announced,
}

/// The video.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Video {
    /// The last parameter set.
    #[serde(flatten)]
    pub coding: Coding,
    /// Pictures with B slices.
    pub b_pictures: u64,
    /// How often another parameter set came into force after the first.
    pub changes: u64,
    /// How many pictures brought parameter sets that were not known yet. Such as repeat those of the description are
    /// not seen.
    pub in_band_parameter_sets: u64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// From the first picture to the last, by arrival.
    pub span_s: f64,
    /// Pictures.
    pub pictures: u64,
    /// RTP packets that are missing.
    pub lost_packets: u64,
    /// Packets that were left out: of another stream, or out of order.
    pub unusable_packets: u64,
    /// Pictures a second.
    pub rate: Rate,
    /// Key pictures.
    pub keys: Keys,
    /// Bits and bytes.
    pub size: Size,
    /// What is odd about the RTP stamps.
    pub stamps: Stamps,
    /// How old the first picture was when it came: many cameras begin with a burst of kept ones.
    pub backlog_ms: Option<f64>,
    /// How unevenly pictures come.
    pub jitter: Option<Jitter>,
    /// How the camera's clock runs against this machine's.
    pub drift: Option<Drift>,
    /// RTCP sender reports (RFC 3550 §6.4.1).
    pub sender_reports: SenderReports,
}

/// Pictures a second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rate {
    /// By the camera's stamps: pictures per second of its own time.
    pub by_stamp_hz: Option<f64>,
    /// By when they came, without a burst at the beginning.
    pub by_arrival_hz: Option<f64>,
    /// The longest step from one picture's stamp to the next.
    pub longest_step_ms: Option<f64>,
}

/// Key pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Keys {
    /// How many.
    pub count: u64,
    /// From one to the next, the median.
    pub interval_s: Option<f64>,
    /// The same in pictures.
    pub interval_pictures: Option<u64>,
    /// The longest time without one, also at both ends: at least so long.
    pub longest_s: f64,
}

/// Bits and bytes of the pictures, without what carries them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Size {
    /// Over the whole span.
    pub mean_bit_per_s: Option<f64>,
    /// In the worst second.
    pub peak_bit_per_s: Option<f64>,
    /// A key picture, the mean.
    pub key_bytes: Option<f64>,
    /// Any other, the mean.
    pub other_bytes: Option<f64>,
    /// The largest picture.
    pub largest_bytes: u64,
}

/// What is odd about the RTP stamps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stamps {
    /// Times that stamps and arrivals contradicted each other by more than a second.
    pub jumps: u64,
    /// Pictures stamped before the one that came before.
    pub backward: u64,
    /// Pictures stamped as the one that came before.
    pub repeated: u64,
}

/// By how much pictures came later than the quickest ones, at an even pace of stamps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Jitter {
    /// Half of them.
    pub p50_ms: f64,
    /// 95 of a hundred.
    pub p95_ms: f64,
    /// The latest.
    pub max_ms: f64,
    /// Interarrival jitter at the end (RFC 3550 §6.4.1), to compare with other programs.
    pub rfc3550_ms: f64,
}

/// How the camera's clock runs against this machine's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drift {
    /// Millionths by which the camera's is faster; negative where it is slower.
    pub ppm: f64,
    /// The true value lies within this distance, in ppm.
    pub error_ppm: f64,
}

/// RTCP sender reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SenderReports {
    /// How many.
    pub count: u64,
    /// By how much the camera's date is ahead of this machine's, by the last one.
    pub clock_ahead_s: Option<f64>,
}
