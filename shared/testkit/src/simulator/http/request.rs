//! Requests out of bytes, as far as a camera looks at them (RFC 9112 §2). Pure.

use bytes::{Buf, BytesMut};

use super::form::Forms;

const MAX_HEAD: usize = 8192;
const END: &[u8] = b"\r\n\r\n";

/// A GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    target: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

/// What is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Mjpeg,
    Snapshot,
}

impl Request {
    /// Takes the next request off the front of what was received; `None` where it is not whole yet.
    pub(super) fn cut(inbox: &mut BytesMut) -> Result<Option<Self>, &'static str> {
        let Some(end) = inbox.windows(END.len()).position(|bytes| bytes == END) else {
            return if inbox.len() > MAX_HEAD { Err("the request's head is too long") } else { Ok(None) };
        };
        let head = inbox.split_to(end);
        inbox.advance(END.len());
        let head = std::str::from_utf8(&head).map_err(|_| "the request is no text")?;
        let mut lines = head.split("\r\n");
        let target = lines.next().and_then(|line| line.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1"));
        let headers = lines.filter_map(|line| line.split_once(':'));
        Ok(Some(Self {
            target: target.ok_or("only GET of HTTP/1.1 is answered")?.to_owned(),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect(),
        }))
    }

    /// A header's value; `name` in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The camera, what of it, and how. `None` where there is no such page.
    pub(super) fn wish(&self) -> Option<(&str, Wish, Forms)> {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let (camera, page) = path.strip_prefix('/')?.split_once('/')?;
        let wish = match page {
            "mjpeg" => Wish::Mjpeg,
            "snapshot.jpg" => Wish::Snapshot,
            _ => return None,
        };
        Some((camera, wish, Forms::read(query)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Form;
    use super::*;

    #[test]
    fn requests_are_cut_and_read() {
        let text = "GET /door/mjpeg?garbage HTTP/1.1\r\nHost: x\r\nAUTHORIZATION:  Basic abc \r\n\r\nGET /x";
        let mut inbox = BytesMut::from(text);
        let request = Request::cut(&mut inbox).unwrap().unwrap();
        assert_eq!(request.header("authorization"), Some("Basic abc"));
        let (camera, wish, forms) = request.wish().unwrap();
        assert_eq!(
            (camera, wish, forms.has(Form::Garbage), forms.has(Form::NoEnd)),
            ("door", Wish::Mjpeg, true, false)
        );
        assert_eq!((Request::cut(&mut inbox), &inbox[..]), (Ok(None), &b"GET /x"[..]));
        for target in ["/", "/door", "/door/other", "/door/mjpeg?nonsense"] {
            let mut inbox = BytesMut::from(&*format!("GET {target} HTTP/1.1\r\n\r\n"));
            assert_eq!(Request::cut(&mut inbox).unwrap().unwrap().wish(), None, "{target}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for bytes in [&b"POST / HTTP/1.1\r\n\r\n"[..], b"\xff\r\n\r\n", b"\r\n\r\n", &[b'a'; MAX_HEAD + 1]] {
            assert!(Request::cut(&mut BytesMut::from(bytes)).is_err());
        }
    }
}
