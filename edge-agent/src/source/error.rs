//! Why a camera gives no pictures, in words that an operator can act on.

/// Why there is no stream, or none any more. Says how to mend it where that is known.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// 401 or 403.
    #[error("the camera refuses user name and password: check them in `url` ({0})")]
    Refused(String),
    /// 404.
    #[error("the camera has no stream under this path: check `url` ({0})")]
    NotFound(String),
    /// No connection.
    #[error("the camera can't be reached: is it on, and are host and port in `url` right? ({0})")]
    Unreachable(String),
    /// No video, or none that can be used.
    #[error("{0}")]
    Unusable(String),
    /// Nothing came.
    #[error("no picture for {seconds} s: check that the camera is on and reachable")]
    Silent {
        /// For how long.
        seconds: u64,
    },
    /// The camera closed the stream.
    #[error("the camera closed the stream")]
    Closed,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Where the bytes begin that retina shows of what it can't read.
const BYTES: &str = "buffered:";

/// How retina's errors begin when there is no connection.
const CONNECT: &str = "Unable to connect to RTSP server: ";

impl SourceError {
    /// Its word in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::NotFound(_) => "not found",
            Self::Unreachable(_) => "unreachable",
            Self::Unusable(_) => "unusable",
            Self::Silent { .. } => "silent",
            Self::Closed => "closed",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether the camera does not accept the password.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    pub(super) fn of(error: &retina::Error) -> Self {
        // Retina's first paragraph says what is wrong; the others say where in the connection, for Wireshark.
        let text = error.to_string();
        let what = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        // Nor does an operator read what came instead of an answer, byte by byte.
        let what = what.split(BYTES).next().unwrap_or_default().trim_end_matches([' ', ';', ':']).to_owned();
        tracing::debug!(error = %text, "retina");
        match error.status_code() {
            Some(401 | 403) => Self::Refused(what),
            Some(404) => Self::NotFound(what),
            _ if what.starts_with(CONNECT) => Self::Unreachable(what[CONNECT.len()..].to_owned()),
            _ => Self::Failed(what),
        }
    }
}
