//! What `DESCRIBE` answers (RFC 4566; RFC 6184 §8.2.1 for H.264). Pure.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::source::{ParameterSets, Rate};

/// RTP payload type, of the dynamic range.
pub(super) const PAYLOAD_TYPE: u8 = 96;
/// The last part of the video track's URI.
pub(super) const TRACK: &str = "trackID=0";

/// The session description of one camera, served from `host`.
pub(super) fn describe(name: &str, parameter_sets: &ParameterSets, rate: Rate, host: IpAddr) -> String {
    let family = if host.is_ipv4() { "IP4" } else { "IP6" };
    let any = if host.is_ipv4() { "0.0.0.0" } else { "::" };
    let ParameterSets { sps, pps } = parameter_sets;
    // A sequence parameter set begins with its NAL header; profile, constraints and level are the three bytes after it.
    let profile_level: String = sps.iter().skip(1).take(3).map(|byte| format!("{byte:02X}")).collect();
    [
        "v=0".to_owned(),
        format!("o=- 1 1 IN {family} {host}"),
        format!("s={name}"),
        format!("c=IN {family} {any}"),
        "t=0 0".to_owned(),
        "a=tool:omma-camera".to_owned(),
        "a=control:*".to_owned(),
        format!("m=video 0 RTP/AVP {PAYLOAD_TYPE}"),
        format!("a=rtpmap:{PAYLOAD_TYPE} H264/90000"),
        format!(
            "a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={profile_level};sprop-parameter-sets={},{}",
            BASE64.encode(sps),
            BASE64.encode(pps)
        ),
        format!("a=framerate:{rate}"),
        format!("a=control:{TRACK}"),
        String::new(),
    ]
    .join("\r\n")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_parameter_sets_are_told() {
        let parameter_sets = ParameterSets {
            sps: Bytes::from_static(&[0x67, 0x4d, 0x40, 0x1f, 0xec]),
            pps: Bytes::from_static(&[0x68, 0xee]),
        };
        let sdp = describe("door", &parameter_sets, "10".parse().unwrap(), Ipv4Addr::LOCALHOST.into());
        assert!(
            sdp.contains(
                "a=fmtp:96 packetization-mode=1;profile-level-id=4D401F;sprop-parameter-sets=Z01AH+w=,aO4=\r\n"
            )
        );
        assert!(sdp.contains("a=framerate:10\r\n"));
        assert!(sdp.starts_with("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=door\r\n"));
        assert!(sdp.ends_with("a=control:trackID=0\r\n"));
    }
}
