//! First line and headers of an RTSP message (RFC 2326 §4), kept as they came but for what is edited.

use bytes::{Bytes, BytesMut};

/// A head. Lines keep their ends; the last one is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    lines: Vec<Bytes>,
}

impl Head {
    /// Of bytes that end in an empty line.
    pub fn parse(bytes: &[u8]) -> Self {
        Self { lines: bytes.split_inclusive(|byte| *byte == b'\n').map(Bytes::copy_from_slice).collect() }
    }

    /// As it is now.
    pub fn bytes(&self) -> Bytes {
        self.lines
            .iter()
            .fold(BytesMut::new(), |mut out, line| {
                out.extend_from_slice(line);
                out
            })
            .freeze()
    }

    /// Method and URI, of a request.
    pub fn request(&self) -> Option<(&str, &str)> {
        let mut words = self.first()?.split(' ');
        let (method, uri, version) = (words.next()?, words.next()?, words.next()?);
        version.starts_with(VERSION).then_some((method, uri))
    }

    /// The status, of an answer.
    pub fn status(&self) -> Option<u16> {
        let mut words = self.first()?.split(' ');
        words.next().filter(|version| version.starts_with(VERSION))?;
        words.next()?.parse().ok()
    }

    /// Whether its first line is that of a request or an answer.
    pub fn is_message(&self) -> bool {
        self.request().is_some() || self.status().is_some()
    }

    /// Puts another first line in place of this one.
    pub fn set_first(&mut self, line: &str) {
        if let Some(first) = self.lines.first_mut() {
            *first = Bytes::from(format!("{line}\r\n"));
        }
    }

    /// The value of the first header of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// The values of all headers of this name.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.lines.iter().skip(1).filter_map(move |line| value(line, name))
    }

    /// Changes the value of each header of this name, or takes the header out where there is none any more.
    pub fn edit(&mut self, name: &str, change: impl Fn(&str) -> Option<String>) {
        let mut taken_out = false;
        let mut first = true;
        self.lines.retain_mut(|line| {
            if std::mem::take(&mut first) {
                return true;
            }
            // A line that goes on from the one before goes with it (RFC 2616 §2.2).
            if taken_out && line.starts_with(b" ") | line.starts_with(b"\t") {
                return false;
            }
            taken_out = false;
            let Some(old) = value(line, name) else { return true };
            match change(old) {
                Some(new) if new == old => {}
                Some(new) => {
                    let written = String::from_utf8_lossy(&line[..name.len()]).into_owned();
                    *line = Bytes::from(format!("{written}: {new}\r\n"));
                }
                None => taken_out = true,
            }
            !taken_out
        });
    }

    /// Puts a header behind the others.
    pub fn add(&mut self, name: &str, value: &str) {
        let end = self.lines.len().saturating_sub(1);
        self.lines.insert(end, Bytes::from(format!("{name}: {value}\r\n")));
    }

    fn first(&self) -> Option<&str> {
        self.lines.first().and_then(|line| std::str::from_utf8(line).ok()).map(str::trim_end)
    }
}

const VERSION: &str = "RTSP/";

/// Of a header line of this name. One that is no UTF-8 is none that anything here is about.
fn value<'a>(line: &'a [u8], name: &str) -> Option<&'a str> {
    let (found, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    found.trim_end().eq_ignore_ascii_case(name).then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"RTSP/1.0 200 OK\nCSeq: 3 \r\nX-\xff: \xff\r\nA : 1\r\nB: 2\r\n more\r\na:3\r\n\r\n";

    #[test]
    fn what_is_not_edited_stays_byte_for_byte() {
        let mut head = Head::parse(ANSWER);
        head.edit("CSeq", |value| Some(value.to_owned()));
        head.edit("D", |_| None);
        assert_eq!((head.bytes(), head.status(), head.request()), (Bytes::from_static(ANSWER), Some(200), None));
        assert_eq!(head.values("a").collect::<Vec<_>>(), ["1", "3"]);
    }

    #[test]
    fn headers_are_changed_taken_out_and_added() {
        let mut head = Head::parse(ANSWER);
        head.edit("cseq", |value| Some(format!("{value}0")));
        head.edit("b", |_| None);
        head.edit("a", |value| (value == "3").then(|| "4".to_owned()));
        head.add("New", "5");
        assert_eq!(head.bytes(), &b"RTSP/1.0 200 OK\nCSeq: 30\r\nX-\xff: \xff\r\na: 4\r\nNew: 5\r\n\r\n"[..]);
    }

    #[test]
    fn requests_and_answers_are_told_apart() {
        let request = Head::parse(b"PLAY rtsp://cam/x RTSP/1.0\r\n\r\n");
        assert_eq!((request.request(), request.status()), (Some(("PLAY", "rtsp://cam/x")), None));
        let http = Head::parse(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!((http.request(), http.status()), (None, None));
    }
}
