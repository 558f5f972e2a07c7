//! SDP offers (RFC 8866) that no hub can take.

use rand::RngExt as _;
use rand::rngs::StdRng;

/// A sound offer of a browser but for its media: there is no video in it.
pub const WITHOUT_VIDEO: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
     m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n\
     a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 \
     00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
     a=setup:actpass\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";

/// [`WITHOUT_VIDEO`] with some of its bytes changed or taken out, or without its end. Never with video, so that it is never a
/// good offer.
pub fn mangled(random: &mut StdRng) -> Vec<u8> {
    let mut bytes = WITHOUT_VIDEO.as_bytes().to_vec();
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..3) {
            0 => bytes[at] = random.random_range(0..128),
            1 => bytes.truncate(at.max(1)),
            _ => {
                bytes.remove(at);
            }
        }
    }
    bytes
}
