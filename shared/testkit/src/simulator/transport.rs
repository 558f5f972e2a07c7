//! The `Transport` header (RFC 2326 §12.39). Pure.

use std::fmt;

/// How packets go to a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// On the RTSP connection itself, on two channels (RFC 2326 §10.12).
    Interleaved {
        /// Channel of the pictures.
        rtp: u8,
        /// Channel of the reports.
        rtcp: u8,
    },
    /// To two ports of the player.
    Udp {
        /// Port for the pictures.
        rtp: u16,
        /// Port for the reports.
        rtcp: u16,
    },
}

impl Transport {
    /// The first of the client's alternatives that can be served.
    pub(super) fn choose(header: &str) -> Option<Self> {
        header.split(',').find_map(|alternative| Self::parse(alternative.trim()))
    }

    fn parse(alternative: &str) -> Option<Self> {
        let mut parameters = alternative.split(';').map(str::trim);
        let protocol = parameters.next()?;
        let (mut pair, mut multicast) = (None, false);
        let wanted = if protocol.eq_ignore_ascii_case("RTP/AVP/TCP") { "interleaved" } else { "client_port" };
        for parameter in parameters {
            match parameter.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case(wanted) => pair = Some(range(value)?),
                Some((name, value)) if name.eq_ignore_ascii_case("mode") && !means_play(value) => return None,
                None if parameter.eq_ignore_ascii_case("multicast") => multicast = true,
                _ => {}
            }
        }
        match protocol.to_ascii_uppercase().as_str() {
            "RTP/AVP/TCP" => {
                let (rtp, rtcp) = pair.unwrap_or((0, 1));
                Some(Self::Interleaved { rtp: rtp.try_into().ok()?, rtcp: rtcp.try_into().ok()? })
            }
            // Where it goes is always the peer's own address: `destination` would let a stranger aim packets at others.
            "RTP/AVP" | "RTP/AVP/UDP" if !multicast => {
                pair.filter(|&(rtp, _)| rtp != 0).map(|(rtp, rtcp)| Self::Udp { rtp, rtcp })
            }
            _ => None,
        }
    }

    /// The value to answer with.
    pub(super) fn answer(self, server_ports: Option<(u16, u16)>, ssrc: u32) -> String {
        match server_ports {
            Some((rtp, rtcp)) => format!("{self};server_port={rtp}-{rtcp};ssrc={ssrc:08X}"),
            None => format!("{self};ssrc={ssrc:08X}"),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interleaved { rtp, rtcp } => write!(f, "RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}"),
            Self::Udp { rtp, rtcp } => write!(f, "RTP/AVP;unicast;client_port={rtp}-{rtcp}"),
        }
    }
}

fn means_play(mode: &str) -> bool {
    mode.trim_matches('"').eq_ignore_ascii_case("PLAY")
}

/// `5000-5001`, or `5000` alone, whose neighbour is then meant. The two are never equal.
fn range(value: &str) -> Option<(u16, u16)> {
    let (first, second) = match value.split_once('-') {
        Some((first, second)) => (first.trim().parse().ok()?, second.trim().parse().ok()?),
        None => {
            let first: u16 = value.trim().parse().ok()?;
            (first, first.checked_add(1)?)
        }
    };
    (first != second).then_some((first, second))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_that_can_be_served_is_chosen() {
        let tcp = |rtp, rtcp| Some(Transport::Interleaved { rtp, rtcp });
        let udp = |rtp, rtcp| Some(Transport::Udp { rtp, rtcp });
        for (header, chosen) in [
            ("RTP/AVP/TCP;unicast;interleaved=0-1", tcp(0, 1)),
            ("RTP/AVP/TCP;interleaved=4", tcp(4, 5)),
            ("RTP/AVP/TCP;unicast", tcp(0, 1)),
            ("RTP/AVP/UDP;unicast;client_port=5000-5001", udp(5000, 5001)),
            ("RTP/AVP;unicast;client_port=5000-5001;mode=\"PLAY\"", udp(5000, 5001)),
            ("RTP/AVP;multicast;client_port=5000-5001, RTP/AVP/TCP;interleaved=2-3", tcp(2, 3)),
            ("RTP/SAVP;unicast;client_port=5000-5001,RTP/AVP;unicast;client_port=6000-6001", udp(6000, 6001)),
            ("RTP/AVP;unicast;client_port=5000-5001;mode=record", None),
            ("RTP/AVP;unicast", None),
            ("RTP/AVP;unicast;client_port=0-1", None),
            ("RTP/AVP;unicast;client_port=70000-70001", None),
            ("RTP/AVP/TCP;interleaved=1-1", None),
            ("RTP/AVP/TCP;interleaved=255", None),
            ("", None),
        ] {
            assert_eq!(Transport::choose(header), chosen, "{header}");
        }
    }

    proptest! {
        #[test]
        fn what_is_answered_is_understood(rtp in 1u16..65_535, ports: bool, ssrc: u32) {
            for transport in [Transport::Udp { rtp, rtcp: rtp + 1 }, Transport::Interleaved { rtp: rtp as u8 / 2, rtcp: 200 }] {
                prop_assert_eq!(Transport::choose(&transport.answer(ports.then_some((6970, 6971)), ssrc)), Some(transport));
            }
        }

        #[test]
        fn garbage_is_no_transport(text in "[ -~]{0,60}") {
            prop_assert!(Transport::choose(&text).is_none_or(|_| text.to_ascii_uppercase().contains("RTP/AVP")));
        }
    }
}
