//! What real cameras get wrong, each by its word in the query of a URL.

use std::borrow::Cow;

/// One oddity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Parts without `Content-Length`.
    NoLength,
    /// `Content-Length` is 100 too small.
    ShortLength,
    /// Another boundary between the parts than the one announced.
    WrongBoundary,
    /// The boundary is announced in quotes and with the dashes that belong in front of it.
    DashedBoundary,
    /// Lines end with a line feed alone, and no empty line ends the headers.
    LineFeeds,
    /// Bytes without sense between parts.
    Garbage,
    /// Pictures without end of image.
    NoEnd,
    /// Pictures without Huffman tables.
    NoTables,
    /// Every fourth picture is cut off in the middle, behind the `Content-Length` of the whole.
    CutOff,
    /// A stream that falls silent after some pictures, but stays open.
    Silent,
    /// Snapshots that stay the same for 50 pictures.
    Lazy,
    /// A web page instead of pictures.
    Page,
    /// Basic authentication only.
    Basic,
}

impl Form {
    /// All, with their words.
    pub const ALL: [(&str, Self); 13] = [
        ("no-length", Self::NoLength),
        ("short-length", Self::ShortLength),
        ("wrong-boundary", Self::WrongBoundary),
        ("dashed-boundary", Self::DashedBoundary),
        ("line-feeds", Self::LineFeeds),
        ("garbage", Self::Garbage),
        ("no-end", Self::NoEnd),
        ("no-tables", Self::NoTables),
        ("cut-off", Self::CutOff),
        ("silent", Self::Silent),
        ("lazy", Self::Lazy),
        ("page", Self::Page),
        ("basic", Self::Basic),
    ];
}

/// What one client asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Forms(Vec<Form>);

impl Forms {
    /// Of a query; `None` where a word of it is not known.
    pub(super) fn read(query: &str) -> Option<Self> {
        let form = |word: &str| Form::ALL.iter().find(|(name, _)| *name == word).map(|(_, form)| *form);
        query.split('&').filter(|word| !word.is_empty()).map(form).collect::<Option<Vec<_>>>().map(Self)
    }

    pub(super) fn has(&self, form: Form) -> bool {
        self.0.contains(&form)
    }

    /// The head of an endless answer.
    pub(super) fn head(&self) -> String {
        let boundary = if self.has(Form::DashedBoundary) { "\"--omma\"" } else { "omma" };
        format!("HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary={boundary}\r\n\r\n")
    }

    /// One part with all that stands around it. `number` from 0 on.
    pub(super) fn part(&self, number: u64, jpeg: &[u8]) -> Vec<u8> {
        let mut picture = self.picture(jpeg);
        let length = if self.has(Form::ShortLength) { picture.len() - 100 } else { picture.len() };
        if self.has(Form::CutOff) && number % 4 == 3 {
            picture.to_mut().truncate(jpeg.len() / 2);
        }
        let end = if self.has(Form::LineFeeds) { "\n" } else { "\r\n" };
        let boundary = if self.has(Form::WrongBoundary) { "other" } else { "omma" };
        let mut head = format!("--{boundary}{end}Content-Type: image/jpeg{end}");
        if !self.has(Form::NoLength) {
            head += &format!("Content-Length: {length}{end}");
        }
        if !self.has(Form::LineFeeds) {
            head += end;
        }
        let garbage: &[u8] = if self.has(Form::Garbage) { b"\xff\x00\xd8garbage\xff\r\n" } else { b"" };
        [garbage, head.as_bytes(), &picture, end.as_bytes()].concat()
    }

    /// The file itself.
    pub(super) fn picture<'a>(&self, jpeg: &'a [u8]) -> Cow<'a, [u8]> {
        let mut picture = Cow::Borrowed(jpeg);
        if self.has(Form::NoTables) {
            picture = Cow::Owned(without_tables(&picture));
        }
        if self.has(Form::NoEnd) {
            let end = picture.len() - 2;
            picture.to_mut().truncate(end);
        }
        picture
    }
}

/// Leaves out the DHT segments (ITU-T T.81 §B.2.4.2) of a file of our own making.
fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    const TABLES: u8 = 0xc4;
    const SCAN: u8 = 0xda;
    let (mut bare, mut rest) = (jpeg[..2].to_vec(), &jpeg[2..]);
    while rest.len() > 4 && rest[1] != SCAN {
        let (segment, after) = rest.split_at(2 + usize::from(u16::from_be_bytes([rest[2], rest[3]])));
        if segment[1] != TABLES {
            bare.extend_from_slice(segment);
        }
        rest = after;
    }
    bare.extend_from_slice(rest);
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start of image, a Huffman table, another segment, a scan, end of image.
    const FILE: &[u8] =
        &[0xff, 0xd8, 0xff, 0xc4, 0, 4, 1, 2, 0xff, 0xdb, 0, 3, 9, 0xff, 0xda, 0, 2, 1, 2, 3, 0xff, 0xd9];

    fn part(query: &str) -> String {
        let part = Forms::read(query).unwrap().part(0, FILE);
        part.iter().map(|&byte| if byte.is_ascii() { char::from(byte) } else { '.' }).collect()
    }

    #[test]
    fn each_form_is_what_it_is_called() {
        assert!(part("").starts_with("--omma\r\nContent-Type: image/jpeg\r\nContent-Length: 22\r\n\r\n."));
        assert!(part("no-length").starts_with("--omma\r\nContent-Type: image/jpeg\r\n\r\n."));
        assert!(part("line-feeds").starts_with("--omma\nContent-Type: image/jpeg\nContent-Length: 22\n."));
        assert!(part("wrong-boundary&garbage").contains("garbage.\r\n--other\r\n"));
        assert!(Forms::read("dashed-boundary").unwrap().head().contains("boundary=\"--omma\"\r\n"));
        let picture = |query| Forms::read(query).unwrap().picture(FILE).to_vec();
        assert_eq!(picture("no-tables"), [&FILE[..2], &FILE[8..]].concat());
        assert_eq!(picture("no-end"), FILE[..20]);
        let cut: Vec<bool> =
            (0..5).map(|n| Forms::read("cut-off").unwrap().part(n, FILE).len() < part("").len()).collect();
        assert_eq!(cut, [false, false, false, true, false]);
    }

    #[test]
    fn words_that_are_not_known_are_refused() {
        assert_eq!(Forms::read("no-length&nonsense"), None);
        assert_eq!(Forms::read(""), Some(Forms::default()));
    }
}
