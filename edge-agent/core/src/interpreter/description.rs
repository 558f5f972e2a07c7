//! Descriptions of which a part can't be read (RFC 4566 §5): it is left out, so that the rest can.

/// Without lines that are none, and without sections that lack media, port, protocol or format (RFC 4566 §5.14).
pub fn readable(description: &[u8]) -> Vec<u8> {
    let mut in_good_section = true;
    let lines = description.split_inclusive(|byte| *byte == b'\n').filter(|line| {
        let line = line.trim_ascii_end();
        if let Some(media) = line.strip_prefix(b"m=") {
            in_good_section = is_media(media);
        }
        // The empty one at the end does no harm.
        in_good_section && matches!(line, [] | [b'a'..=b'z', b'=', ..])
    });
    lines.flatten().copied().collect()
}

fn is_media(line: &[u8]) -> bool {
    let fields = line.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    fields.count() >= 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_stays_as_it_is() {
        let good = b"v=0\r\ns=\xff\r\nm=video 0 RTP/AVP 96\r\na=control:x\r\n\r\n";
        assert_eq!(readable(good), good);
    }

    #[test]
    fn sections_without_a_format_and_lines_that_are_none_go() {
        let bad = b"v=0\nERROR 7\nm=application 0 RTP/AVP\na=control:1\nm=video 0 RTP/AVP 96\na=control:2\nm=audio \n";
        assert_eq!(readable(bad), b"v=0\nm=video 0 RTP/AVP 96\na=control:2\n");
    }
}
