//! What `DESCRIBE` answers (RFC 4566; RFC 6184 §8.2.1 for H.264, RFC 7798 §7.2.1 for H.265). Pure.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use omma_protocol::unit::Codec;

use super::odd_pictures::long_sps;
use super::quirk::{Quirk, Quirks};
use super::source::{ParameterSets, Rate};

/// RTP payload type, of the dynamic range.
pub(super) const PAYLOAD_TYPE: u8 = 96;
/// The last part of the video track's URI.
pub(super) const TRACK: &str = "trackID=0";

/// The session description of one camera, served from `host`.
pub(super) fn describe(
    name: &str,
    parameter_sets: &ParameterSets,
    rate: Rate,
    host: IpAddr,
    quirks: &Quirks,
) -> String {
    let family = if host.is_ipv4() { "IP4" } else { "IP6" };
    let any = if host.is_ipv4() { "0.0.0.0" } else { "::" };
    let control = match quirks.has(Quirk::AbsoluteControl) {
        true => format!("a=control:rtsp://192.0.2.1:554/{name}/{TRACK}"),
        false => format!("a=control:{TRACK}"),
    };
    let mut lines = vec!["v=0".to_owned()];
    if !quirks.has(Quirk::NoOrigin) {
        lines.push(format!("o=- 1 1 IN {family} {host}"));
    }
    lines.extend([
        format!("s={name}"),
        format!("c=IN {family} {any}"),
        "t=0 0".to_owned(),
        "a=tool:omma-camera".to_owned(),
        "a=control:*".to_owned(),
    ]);
    if quirks.has(Quirk::BadMedia) {
        lines.extend(["m=application/TP-LINK 0 RTP/AVP smart/1/90000".to_owned(), "a=control:trackID=9".to_owned()]);
    }
    if quirks.has(Quirk::BrokenSdp) {
        lines.push("m=application 0 RTP/AVP".to_owned());
    }
    if quirks.has(Quirk::Mpeg2Ts) {
        // The static payload type of MPEG-TS (RFC 3551 §6).
        lines.extend(["m=video 0 MP2T/RTP/TCP 33".to_owned(), control, String::new()]);
        return lines.join("\r\n");
    }
    if quirks.has(Quirk::Mpeg2TsBeside) {
        lines.extend(["m=video 0 MP2T/RTP/TCP 33".to_owned(), "a=control:trackID=9".to_owned()]);
    }
    lines.push(format!("m=video 0 RTP/AVP {PAYLOAD_TYPE}"));
    if quirks.has(Quirk::StrayLine) {
        lines.push("bitrate: 4096".to_owned());
    }
    if quirks.has(Quirk::ControlFirst) {
        lines.push(control.clone());
    }
    let space = if quirks.has(Quirk::TrailingSpaces) { " " } else { "" };
    let encoding = match parameter_sets.codec() {
        Codec::H264 => "H264",
        Codec::H265 => "H265",
    };
    lines.push(format!("a=rtpmap:{PAYLOAD_TYPE} {encoding}/90000{space}"));
    lines.push(format!("a=fmtp:{PAYLOAD_TYPE}{}{space}", format_parameters(parameter_sets, quirks)));
    lines.push(format!("a=framerate:{rate}{space}"));
    if !quirks.has(Quirk::ControlFirst) {
        lines.push(control);
    }
    lines.push(String::new());
    lines.join("\r\n")
}

fn format_parameters(ParameterSets { vps, sps, pps }: &ParameterSets, quirks: &Quirks) -> String {
    if quirks.has(Quirk::EmptyFmtp) {
        return String::new();
    }
    if let Some(vps) = vps {
        if quirks.has(Quirk::NoSprop) {
            return " profile-id=1".to_owned();
        }
        let [vps, sps, pps] = [vps, sps, pps].map(|nal| BASE64.encode(nal));
        return format!(" sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}");
    }
    // A sequence parameter set begins with its NAL header; profile, constraints and level are the three bytes after it.
    let profile_level: String = sps.iter().skip(1).take(3).map(|byte| format!("{byte:02X}")).collect();
    let sets = if quirks.has(Quirk::NoSprop) {
        String::new()
    } else if quirks.has(Quirk::GarbageSprop) {
        ";sprop-parameter-sets=*no base64*,#".to_owned()
    } else if quirks.has(Quirk::HeaderlessSprop) {
        let [sps, pps] = [sps, pps].map(|nal| BASE64.encode([nal.get(1..).unwrap_or_default(), &[0, 0, 0]].concat()));
        format!(";sprop-parameter-sets={sps},{pps}")
    } else {
        let code = |quirk| -> &[u8] { if quirks.has(quirk) { &[0, 0, 0, 1] } else { &[] } };
        let (before, behind) = (code(Quirk::AnnexBSprop), code(Quirk::StartCodeBehindSprop));
        let coded = |nal: &[u8]| BASE64.encode([before, nal, behind].concat());
        let sps = if quirks.has(Quirk::LongSps) { long_sps(sps) } else { sps.clone() };
        format!(";sprop-parameter-sets={},{}", coded(&sps), coded(pps))
    };
    format!(" packetization-mode=1;profile-level-id={profile_level}{sets}")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_parameter_sets_are_told() {
        let parameter_sets = ParameterSets {
            vps: None,
            sps: Bytes::from_static(&[0x67, 0x4d, 0x40, 0x1f, 0xec]),
            pps: Bytes::from_static(&[0x68, 0xee]),
        };
        let sdp =
            describe("door", &parameter_sets, "10".parse().unwrap(), Ipv4Addr::LOCALHOST.into(), &Quirks::default());
        assert!(
            sdp.contains(
                "a=fmtp:96 packetization-mode=1;profile-level-id=4D401F;sprop-parameter-sets=Z01AH+w=,aO4=\r\n"
            )
        );
        assert!(sdp.contains("a=framerate:10\r\n"));
        assert!(sdp.starts_with("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=door\r\n"));
        assert!(sdp.ends_with("a=control:trackID=0\r\n"));
    }

    #[test]
    fn those_of_h265_are_told() {
        let [vps, sps, pps] = [[0x40, 1], [0x42, 1], [0x44, 1]].map(|nal| Bytes::copy_from_slice(&nal));
        let parameter_sets = ParameterSets { vps: Some(vps), sps, pps };
        let sdp =
            describe("door", &parameter_sets, "10".parse().unwrap(), Ipv4Addr::LOCALHOST.into(), &Quirks::default());
        assert!(
            sdp.contains("a=rtpmap:96 H265/90000\r\na=fmtp:96 sprop-vps=QAE=;sprop-sps=QgE=;sprop-pps=RAE=\r\n"),
            "{sdp}"
        );
    }
}
