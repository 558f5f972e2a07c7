//! Answers to requests (RFC 2326 §7). Pure.

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    MovedTemporarily,
    BadRequest,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    ParameterNotUnderstood,
    NotEnoughBandwidth,
    SessionNotFound,
    WrongState,
    UnsupportedTransport,
    InternalError,
    NotImplemented,
    Full,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::MovedTemporarily => "302 Moved Temporarily",
            Status::BadRequest => "400 Bad Request",
            Status::Unauthorized => "401 Unauthorized",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::ParameterNotUnderstood => "451 Parameter Not Understood",
            Status::NotEnoughBandwidth => "453 Not Enough Bandwidth",
            Status::SessionNotFound => "454 Session Not Found",
            Status::WrongState => "455 Method Not Valid in This State",
            Status::UnsupportedTransport => "461 Unsupported Transport",
            Status::InternalError => "500 Internal Server Error",
            Status::NotImplemented => "501 Not Implemented",
            Status::Full => "503 Service Unavailable",
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    /// How it went.
    pub(super) status: Status,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// Whether a space stands behind the number.
    padded: bool,
}

impl Response {
    pub(super) fn new(status: Status) -> Self {
        Self { status, headers: Vec::new(), body: String::new(), padded: false }
    }

    pub(super) fn ok() -> Self {
        Self::new(Status::Ok)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(self, content_type: &str, body: String) -> Self {
        self.untyped_body(body).header("Content-Type", content_type)
    }

    /// A body of which nothing is said.
    pub(super) fn untyped_body(mut self, body: String) -> Self {
        self.body = body;
        self
    }

    pub(super) fn padded(mut self, padded: bool) -> Self {
        self.padded = padded;
        self
    }

    /// The bytes to send. `cseq` is `None` where the request could not be read so far.
    pub(super) fn encode(&self, cseq: Option<u32>) -> Vec<u8> {
        let mut text = format!("RTSP/1.0 {}\r\n", self.status.line());
        if let Some(cseq) = cseq {
            let space = if self.padded { " " } else { "" };
            text += &format!("CSeq: {cseq}{space}\r\n");
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        text += "\r\n";
        text += &self.body;
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_repeats_the_number_and_counts_its_body() {
        let bytes = Response::ok().header("Session", "7").body("text/x", "hello".into()).encode(Some(4));
        let text = String::from_utf8(bytes).unwrap();
        let expected =
            "RTSP/1.0 200 OK\r\nCSeq: 4\r\nSession: 7\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(text, expected);
        assert_eq!(Response::new(Status::BadRequest).encode(None), b"RTSP/1.0 400 Bad Request\r\n\r\n");
    }
}
