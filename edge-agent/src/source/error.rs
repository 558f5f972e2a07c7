//! Why a camera gives no pictures, in words that an operator can act on.

use edge_core::change_over::Evidence;
use edge_core::interpreter::Mend;

use super::v4l2::error::DeviceError;

/// Why there is no stream, or none any more. Says how to mend it where that is known.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// 401 or 403.
    #[error("the camera refuses user name and password: check them in `url` ({0})")]
    Refused(String),
    /// 401 or 403, after the camera has described itself to the same user.
    #[error(
        "the camera tells this user what it has, and refuses to show it: check in the camera that the user may see this stream ({0})"
    )]
    Withheld(String),
    /// 401, with a challenge that can't be answered.
    #[error(
        "the camera asks for user name and password in a way that can't be answered: set its RTSP authentication to Digest ({0})"
    )]
    Challenge(String),
    /// 404.
    #[error("the camera has no stream under this path: check `url` ({0})")]
    NotFound(String),
    /// No connection.
    #[error("the camera can't be reached: is it on, and are host and port in `url` right? ({0})")]
    Unreachable(String),
    /// 453 or 503.
    #[error("the camera has no session free: end other programs that show it; an old session ends in a minute ({0})")]
    Busy(String),
    /// 461.
    #[error(
        "the camera refuses this transport; where `transport` is set, leave it out, so that the other one is tried ({0})"
    )]
    TransportRefused(String),
    /// No video, or none that can be used.
    #[error("{0}")]
    Unusable(String),
    /// It speaks, but not as RTSP, SDP or RTP say, and too badly.
    #[error(
        "what the camera sends can't be read: check that `url` is its RTSP port, update its firmware, or take another \
         of its streams ({0})"
    )]
    Unreadable(String),
    /// Nothing came.
    #[error("no picture for {seconds} s: check that the camera is on and reachable")]
    Silent {
        /// For how long.
        seconds: u64,
    },
    /// Pictures, but none that decoding could begin with.
    #[error(
        "no key picture for {seconds} s, without which nothing can be shown: set \"I-frame interval\" or \"GOP\" in the \
         camera to one or two seconds"
    )]
    NoKeyPicture {
        /// For how long.
        seconds: u64,
    },
    /// The camera closed the stream.
    #[error("the camera closed the stream")]
    Closed,
    /// The connection broke, or ended within an answer.
    #[error("the connection to the camera broke: see whether it restarts, and the network to it ({0})")]
    Broken(String),
    /// The edge itself, between retina and the camera.
    #[error("{0}")]
    Interpreter(String),
    /// A device at this machine.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Where the bytes begin that retina shows of what it can't read.
const BYTES: &str = "buffered:";
/// How retina's errors begin when there is no connection.
const CONNECT: &str = "Unable to connect to RTSP server: ";
/// How they begin when what came is no RTSP.
const FRAMING: &str = "RTSP framing error: ";
/// How they begin when a connection broke, and the system's word for one that the camera reset.
const BROKEN: [&str; 2] = ["Error reading from RTSP peer: ", "Error writing to RTSP peer: "];
const RESET: &str = "reset by peer";
/// How they name the places of an error, and which of them only RTP and RTCP packets have, and only RTP packets.
const PLACES: &str = "\n\nconn: ";
const PACKET: &str = "\npkt: ";
const RTP_PACKET: &str = "\nssrc: ";
/// How errors begin of RTP packets that are refused before their content is looked at.
const REFUSED_UNREAD: [&str; 2] = ["wrong ssrc", "Out-of-order packet"];

/// What retina says, in lower case, where it refuses what the interpreter can put right.
const MENDED: [(&str, Mend); 11] = [
    ("unexpected content type application/sdp", Mend::ContentType),
    ("unable to parse sdp", Mend::Description),
    ("invalid timeout=0 in session header", Mend::Session),
    ("unparseable timeout", Mend::Session),
    // Its id ends in a space, at which retina panics when it is to send it back.
    ("invalidheadervalue", Mend::Session),
    ("unparseable session header", Mend::Session),
    ("rtp-info missing stream url", Mend::RtpInfo),
    ("rtp-info param has no =", Mend::RtpInfo),
    // Where SETUP told it, and none of its packets came. Where some did, or the first packet told it, these are of another
    // session.
    ("wrong ssrc after 0 rtp pkts + 0 rtcp pkts; expecting ssrc=some(ssrc { init: playresponseheader", Mend::Ssrc),
    ("empty nal", Mend::EmptyPackets),
    // Of H.265.
    ("short nal", Mend::EmptyPackets),
];

impl SourceError {
    /// Its word in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused(_) | Self::Withheld(_) | Self::Challenge(_) => "refused",
            Self::NotFound(_) => "not found",
            Self::Unreachable(_) => "unreachable",
            Self::Busy(_) => "busy",
            Self::TransportRefused(_) => "transport refused",
            Self::Unusable(_) => "unusable",
            Self::Unreadable(_) => "unreadable",
            Self::Silent { .. } => "silent",
            Self::NoKeyPicture { .. } => "no key picture",
            Self::Closed => "closed",
            Self::Broken(_) => "broken",
            Self::Interpreter(_) => "interpreter",
            Self::Device(error) => error.kind(),
            Self::Failed(_) => "failed",
        }
    }

    /// The fault behind it, where that is one that the interpreter puts right.
    pub fn mend(&self) -> Option<Mend> {
        match self {
            // Signed by a nonce that was good a moment ago. 403 is no question of that.
            Self::Withheld(what) => what.starts_with("401").then_some(Mend::Nonce),
            Self::Unreadable(what) => {
                MENDED.iter().find(|(words, _)| what.to_ascii_lowercase().contains(words)).map(|(_, mend)| *mend)
            }
            _ => None,
        }
    }

    /// Whether the camera ended the connection.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed) || matches!(self, Self::Broken(what) if what.contains(RESET))
    }

    /// Whether the camera was away, had no session free, or the edge itself was at fault: nothing was tried.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy(_) | Self::Interpreter(_))
    }

    /// Whether the camera does not accept the password.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Withheld(_) | Self::Challenge(_))
    }

    /// What it says about the transport that was tried.
    pub fn evidence(&self) -> Evidence {
        match self {
            Self::TransportRefused(_) => Evidence::Refused,
            Self::Unreadable(_) | Self::Silent { .. } | Self::Closed | Self::Broken(_) | Self::Failed(_) => {
                Evidence::NoPicture
            }
            Self::Refused(_)
            | Self::Withheld(_)
            | Self::Challenge(_)
            | Self::Interpreter(_)
            | Self::NotFound(_)
            | Self::Unreachable(_)
            | Self::Busy(_)
            | Self::Unusable(_)
            | Self::NoKeyPicture { .. }
            | Self::Device(_) => Evidence::None,
        }
    }

    pub(super) fn of(error: &retina::Error) -> Self {
        let what = shown(error);
        match error.status_code() {
            Some(401 | 403) if what.contains("to SETUP") || what.contains("to PLAY") => Self::Withheld(what),
            Some(401 | 403) => Self::Refused(what),
            Some(404) => Self::NotFound(what),
            Some(453 | 503) => Self::Busy(what),
            Some(461) => Self::TransportRefused(what),
            // The camera is content, retina is not with its answer.
            Some(200..=299) => Self::Unreadable(what),
            _ => match (what.strip_prefix(CONNECT), what.strip_prefix(FRAMING)) {
                (Some(why), _) => Self::Unreachable(why.to_owned()),
                (_, Some(why)) => Self::Unreadable(why.to_owned()),
                _ if error.to_string().contains(PACKET) => Self::Unreadable(what),
                _ => match BROKEN.iter().find_map(|begin| what.strip_prefix(begin)) {
                    Some(why) => Self::Broken(why.to_owned()),
                    None => Self::Failed(what),
                },
            },
        }
    }
}

/// What is wrong with a packet that was refused unread: retina goes on with the next one. Not so after a packet whose
/// content is at fault: retina panics when it is then asked for more.
pub(super) fn packet_fault(error: &retina::Error) -> Option<String> {
    let text = error.to_string();
    let (what, places) = text.split_once(PLACES)?;
    let unread = !places.contains(RTP_PACKET) || REFUSED_UNREAD.iter().any(|begin| what.starts_with(begin));
    (places.contains(PACKET) && unread).then(|| shown(error))
}

/// Retina's words for people.
fn shown(error: &retina::Error) -> String {
    in_a_line(&error.to_string())
}

pub(super) fn in_a_line(text: &str) -> String {
    // The first line says what is wrong; the others show bytes, or say where in the connection, for Wireshark.
    let what = text.lines().next().unwrap_or_default();
    // Nor does an operator read what came instead of an answer, byte by byte.
    let what = what.split(BYTES).next().unwrap_or_default().trim_end_matches([' ', ';', ':']);
    // An address may have the password in its path, and need not be the one that is configured.
    what.split(' ').map(|word| if word.contains("://") { "<URL>" } else { word }).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_put_right_is_known_by_retinas_words() {
        let told = "wrong ssrc after 0 RTP pkts + 0 RTCP pkts; expecting ssrc=Some(Ssrc { init: PlayResponseHeader, ssrc: 0x1 })";
        let learnt =
            "wrong ssrc after 1 RTP pkts + 0 RTCP pkts; expecting ssrc=Some(Ssrc { init: RtpPacket, ssrc: 0x1 })";
        for (text, mend) in [
            (
                "DESCRIBE response at <URL> has unexpected content type application/sdp; charset=utf-8",
                Some(Mend::ContentType),
            ),
            ("DESCRIBE response at <URL> has unexpected content type text/html", None),
            (told, Some(Mend::Ssrc)),
            (learnt, None),
            // The announced one's packets came.
            (&told.replace("after 0 RTP", "after 90 RTP"), None),
            (&told.replace("+ 0 RTCP", "+ 1 RTCP"), None),
        ] {
            assert_eq!(SourceError::Unreadable(text.to_owned()).mend(), mend);
        }
        let nonce = "401 response to SETUP CSeq=3: Received Unauthorized after trying digest auth";
        assert_eq!(SourceError::Withheld(nonce.to_owned()).mend(), Some(Mend::Nonce));
        let right = "403 response to SETUP CSeq=3: Unexpected RTSP response status";
        assert_eq!(SourceError::Withheld(right.to_owned()).mend(), None);
    }

    #[test]
    fn a_connection_that_was_reset_was_closed() {
        let reset = "Connection reset by peer (os error 104)";
        assert!(SourceError::Closed.is_closed() && SourceError::Broken(reset.to_owned()).is_closed());
        let timed_out = "Connection timed out (os error 110)";
        assert!(!SourceError::Broken(timed_out.to_owned()).is_closed());
    }

    #[test]
    fn what_retina_says_is_shown_in_a_line_without_addresses() {
        for (text, shown) in [
            (
                "200 response to DESCRIBE CSeq=1: DESCRIBE response at rtsp://cam/live?pwd=hunter2 has unexpected \
                 content type text/html\n\nconn: 192.0.2.1:9(me)->192.0.2.2:554@x\nmsg: 0@x",
                "200 response to DESCRIBE CSeq=1: DESCRIBE response at <URL> has unexpected content type text/html",
            ),
            (
                "RTSP framing error: Invalid RTSP message: byte 0: status-line; buffered:\n0000: 00\n\nconn: x",
                "RTSP framing error: Invalid RTSP message: byte 0: status-line",
            ),
            ("", ""),
        ] {
            assert_eq!(in_a_line(text), shown);
        }
    }
}
