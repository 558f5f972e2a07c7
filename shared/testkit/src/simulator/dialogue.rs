//! What real cameras were heard to say: their answers word for word (`dialogues/`). Pure.
//!
//! A camera with a [`Dialogue`] gives these answers in place of its own, and then plays what it is given to play: with
//! the SSRC and from the sequence number that they name. Stamps and in-band parameter sets are its own. What an answer
//! was not heard for, it says itself.

/// One camera's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialogue {
    describe: Option<&'static str>,
    /// The body of an answer to DESCRIBE whose headers were not kept.
    sdp: Option<&'static str>,
    set_up: Option<&'static str>,
    play: Option<&'static str>,
}

macro_rules! heard {
    ($name:literal) => {
        Some(include_str!(concat!("../../dialogues/", $name, ".txt")))
    };
}

impl Dialogue {
    const SILENT: Self = Self { describe: None, sdp: None, set_up: None, play: None };
    /// H.265; Content-Base without a scheme.
    pub const ANJVISION: Self = Self { describe: heard!("anjvision_describe"), ..Self::SILENT };
    /// Anpviz.
    pub const ANPVIZ: Self = Self { sdp: heard!("anpviz_sdp"), ..Self::SILENT };
    /// H.264 with audio and metadata; relative URLs in RTP-Info.
    pub const DAHUA: Self = Self {
        describe: heard!("dahua_describe_h264_aac_onvif"),
        set_up: heard!("dahua_setup"),
        play: heard!("dahua_play"),
        ..Self::SILENT
    };
    /// The SSRC in RTP-Info is decimal, and another.
    pub const DAHUA_DECIMAL_SSRC: Self = Self { play: heard!("dahua_play_decimal_ssrc"), ..Self::DAHUA };
    /// H.265 with audio.
    pub const DAHUA_H265: Self = Self { describe: heard!("dahua_describe_h265_pcma"), ..Self::SILENT };
    /// Its audio has no format.
    pub const FOSCAM: Self = Self { describe: heard!("foscam_describe"), ..Self::SILENT };
    /// The SSRC has four digits.
    pub const FOUR_DIGIT_SSRC: Self = Self { set_up: heard!("setup_ssrc_4_hex_digits"), ..Self::SILENT };
    /// Absolute control URLs; payload types above 100.
    pub const GEOVISION: Self = Self { sdp: heard!("geovision_sdp"), ..Self::SILENT };
    /// GW Security GW4089IP: Content-Base with a query and without a slash, start codes behind parameter sets, wrong
    /// URLs in RTP-Info, another time-out in each answer.
    pub const GW_MAIN: Self = Self {
        describe: heard!("gw_main_describe"),
        set_up: heard!("gw_main_setup_video"),
        play: heard!("gw_main_play"),
        ..Self::SILENT
    };
    /// Its sub-stream.
    pub const GW_SUB: Self = Self {
        describe: heard!("gw_sub_describe"),
        set_up: heard!("gw_sub_setup"),
        play: heard!("gw_sub_play"),
        ..Self::SILENT
    };
    /// `H264DVR 1.0`: no RTP-Info.
    pub const H264DVR: Self =
        Self { describe: heard!("h264dvr_describe"), play: heard!("h264dvr_play"), ..Self::SILENT };
    /// Control URLs with queries, spaces before the session.
    pub const HIKVISION: Self = Self {
        describe: heard!("hikvision_describe"),
        set_up: heard!("hikvision_setup"),
        play: heard!("hikvision_play"),
        ..Self::SILENT
    };
    /// A space before the SSRC.
    pub const HIKVISION_SSRC_SPACE: Self =
        Self { set_up: heard!("hikvision_setup_ssrc_space"), play: None, ..Self::HIKVISION };
    /// IPCAM C9F0SeZ3N0PbL0: a space after the clock rate.
    pub const IPCAM: Self = Self { describe: heard!("ipcam_describe"), ..Self::SILENT };
    /// `;` at the end of RTP-Info.
    pub const LAUREII: Self = Self { play: heard!("laureii_play"), ..Self::SILENT };
    /// The SSRC stands before the channels.
    pub const LUCKFOX: Self = Self { set_up: heard!("luckfox_rkipc_setup_tcp"), ..Self::SILENT };
    /// V380: no `o=` line.
    pub const MACROVIDEO: Self = Self { describe: heard!("macrovideo_describe"), ..Self::SILENT };
    /// No Content-Type.
    pub const NO_CONTENT_TYPE: Self = Self { describe: heard!("missing_content_type_describe"), ..Self::SILENT };
    /// OMNY M5S2A: the first stamp in RTP-Info is -1.
    pub const OMNY: Self = Self { play: heard!("bad_rtptime"), ..Self::WOWZA };
    /// RLC-410: live555 of 2013.
    pub const REOLINK: Self = Self {
        describe: heard!("reolink_describe"),
        set_up: heard!("reolink_setup"),
        play: heard!("reolink_play"),
        ..Self::SILENT
    };
    /// The same with control attributes first.
    pub const REOLINK_CONTROL_FIRST: Self =
        Self { describe: heard!("reolink_describe_control_first"), ..Self::REOLINK };
    /// The SSRC has four digits and begins with `0x`.
    pub const RUBETEK: Self = Self { set_up: heard!("rubetek_setup_ssrc_0x"), ..Self::SILENT };
    /// TL-IPC44AW-COLOR: H.265, and a section that can't be read.
    pub const TP_LINK: Self = Self { sdp: heard!("tplink_sdp"), ..Self::SILENT };
    /// Format parameters without parameters.
    pub const UBIQUITI: Self = Self { sdp: heard!("ubiquiti_sdp"), ..Self::SILENT };
    /// White space behind the format of its audio.
    pub const VSTARCAM: Self = Self { describe: heard!("vstarcam_describe"), ..Self::SILENT };
    /// Wowza Streaming Engine: PLAY names another session than SETUP.
    pub const WOWZA: Self = Self {
        describe: heard!("bunny_describe"),
        set_up: heard!("bunny_setup"),
        play: heard!("bunny_play"),
        ..Self::SILENT
    };

    /// The answer to the request with this method and number.
    pub(super) fn answer(&self, method: &str, cseq: u32) -> Option<Vec<u8>> {
        match (method, self.sdp) {
            ("DESCRIBE", Some(sdp)) => {
                let (kind, length) = ("application/sdp", sdp.len());
                let head =
                    format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Type: {kind}\r\nContent-Length: {length}");
                Some(format!("{head}\r\n\r\n{sdp}").into_bytes())
            }
            ("DESCRIBE", None) => self.describe.map(|heard| numbered(heard, cseq)),
            ("SETUP", _) => self.set_up.map(|heard| numbered(heard, cseq)),
            ("PLAY", _) => self.play.map(|heard| numbered(heard, cseq)),
            _ => None,
        }
    }

    /// The session that SETUP names.
    pub(super) fn session_id(&self) -> Option<&'static str> {
        let value = header(self.set_up?, "session")?;
        value.split(';').next().map(str::trim)
    }

    /// The stream's SSRC by SETUP. What has four digits was not the stream's.
    pub(super) fn ssrc(&self) -> Option<u32> {
        let value = header(self.set_up?, "transport")?.split("ssrc=").nth(1)?.split(';').next()?.trim();
        if value.len() > 4 { u32::from_str_radix(value, 16).ok() } else { None }
    }

    /// The number of the first packet by PLAY. Video stood first in all.
    pub(super) fn sequence(&self) -> Option<u16> {
        header(self.play?, "rtp-info")?.split("seq=").nth(1)?.split([';', ',']).next()?.trim().parse().ok()
    }
}

/// With another number, and otherwise as it was heard.
fn numbered(heard: &str, cseq: u32) -> Vec<u8> {
    let (head, body) = heard.split_once("\r\n\r\n").unwrap_or((heard, ""));
    let line = |line: &str| match line.split_once(':') {
        Some((name, value)) if name.eq_ignore_ascii_case("cseq") => {
            let old = value.trim();
            format!("{name}:{}", value.replace(old, &cseq.to_string()))
        }
        _ => line.to_owned(),
    };
    let head: Vec<String> = head.split("\r\n").map(line).collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}

fn header(heard: &'static str, name: &str) -> Option<&'static str> {
    let head = heard.split("\r\n\r\n").next()?;
    let found = |line: &'static str| line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name));
    head.split("\r\n").find_map(found).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_as_heard_but_for_their_number() {
        let text = |dialogue: Dialogue, method| String::from_utf8(dialogue.answer(method, 77).unwrap()).unwrap();
        assert_eq!(text(Dialogue::LAUREII, "PLAY"), Dialogue::LAUREII.play.unwrap().replace("CSeq: 5", "CSeq: 77"));
        let described = Dialogue::VSTARCAM.describe.unwrap();
        assert_eq!(text(Dialogue::VSTARCAM, "DESCRIBE"), described.replace("Cseq: 2", "Cseq: 77"));
        assert!(text(Dialogue::UBIQUITI, "DESCRIBE").ends_with(Dialogue::UBIQUITI.sdp.unwrap()));
        assert_eq!(Dialogue::LAUREII.answer("SETUP", 1), None);
    }

    #[test]
    fn the_stream_is_as_they_say() {
        let numbers = |dialogue: Dialogue| (dialogue.session_id(), dialogue.ssrc(), dialogue.sequence());
        assert_eq!(numbers(Dialogue::HIKVISION), (Some("708345999"), Some(0x4cac_c3d1), Some(24_104)));
        assert_eq!(numbers(Dialogue::HIKVISION_SSRC_SPACE), (Some("708886412"), Some(0xd6d_6627), None));
        assert_eq!(numbers(Dialogue::RUBETEK).1, None);
        assert_eq!(numbers(Dialogue::FOUR_DIGIT_SSRC).1, None);
        assert_eq!(numbers(Dialogue::DAHUA).2, Some(47_121));
        assert_eq!(numbers(Dialogue::H264DVR), (None, None, None));
    }
}
