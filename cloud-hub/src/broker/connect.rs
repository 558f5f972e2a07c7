//! The first packet of a client, which must be CONNECT (MQTT 5.0 §3.1, MQTT 3.1.1 §3.1).

use bytes::BytesMut;
use rmqtt::codec::error::DecodeError;
use rmqtt::codec::version::{ProtocolVersion, VersionCodec};
use rmqtt::codec::{v3, v5};
use tokio_util::codec::Decoder;

/// Longest CONNECT, in bytes, without its fixed header: name, password and a last will.
const LONGEST: u32 = 64 * 1024;

/// Whether `begun`, the first bytes of a connection, hold a whole CONNECT; what follows it is not looked at.
///
/// # Errors
/// Where they are the beginning of none.
pub fn whole(begun: &[u8]) -> Result<bool, DecodeError> {
    let mut begun = BytesMut::from(begun);
    let read = match VersionCodec.decode(&mut begun)? {
        None => return Ok(false),
        Some(ProtocolVersion::MQTT3) => v3::Codec::new(LONGEST).decode(&mut begun).map(|packet| packet.is_some()),
        Some(ProtocolVersion::MQTT5) => {
            v5::Codec::new(LONGEST, LONGEST).decode(&mut begun).map(|packet| packet.is_some())
        }
    };
    match read {
        // Sound but for a name that may not be empty here: the broker has a reason code for that (§3.1.3.1).
        Err(DecodeError::InvalidClientId) => Ok(true),
        read => read,
    }
}

/// Bytes of the packet that `begun` begins, its fixed header among them (MQTT 5.0 §2.1); `None` where they don't say so yet.
pub fn length(begun: &[u8]) -> Option<usize> {
    let digits = begun.get(1..)?.iter().take(4);
    let header = 2 + digits.clone().take_while(|digit| **digit >= 0x80).count();
    let last = begun.get(header - 1)?;
    let remaining =
        digits.take(header - 2).chain([last]).rev().fold(0, |sum, digit| sum << 7 | usize::from(digit & 0x7f));
    Some(header + remaining)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V3: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x";
    const V5: &[u8] = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01x";

    #[test]
    fn its_first_bytes_say_how_long_it_is() {
        assert_eq!(
            (length(b""), length(b"\x10"), length(b"\x10\x80"), length(b"\x10\xff\xff")),
            (None, None, None, None)
        );
        assert_eq!((length(V3), length(V5)), (Some(V3.len()), Some(V5.len())));
        assert_eq!(length(b"\x10\xc1\x02rest"), Some(3 + 321), "the standard's example, §1.5.5");
        assert_eq!(length(b"\x10\xff\xff\xff\x7f"), Some(5 + 268_435_455));
    }

    #[test]
    fn a_connect_is_waited_for_until_it_is_whole() {
        for connect in [V3, V5] {
            for n in 0..connect.len() {
                assert_eq!(whole(&connect[..n]).ok(), Some(false), "{n} bytes of {connect:?}");
            }
            assert_eq!(whole(connect).ok(), Some(true));
            let followed = [connect, &[0xff; 8]].concat();
            assert_eq!(whole(&followed).ok(), Some(true), "what follows is not looked at");
        }
    }

    #[test]
    fn what_is_no_connect_is_told_as_soon_as_it_can_be() {
        for (bytes, what) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "another protocol"),
            (b"\x16\x03\x01\x02\x00\x01\x00", "TLS where there is none"),
            (b"\xff\xff\x00", "no packet"),
            (b"\xc0\x00", "a packet, but not the first one"),
            (b"\x10\xff\xff\xff\xff\xff", "a length without end"),
            (b"\x10\x0d\x00\x04MQTX\x04\x02\x00\x3c\x00\x01x", "another name"),
            (b"\x10\x0d\x00\x04MQTT\x09\x02\x00\x3c\x00\x01x", "a version that there is not"),
            (b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x3c\x00\x01x", "the reserved flag (§3.1.2.3)"),
            (b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x09x", "a string that is longer than its packet"),
            (b"\x10\x85\x80\x04\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x", "more than the longest"),
        ] {
            assert!(whole(bytes).is_err(), "{what}: {:?}", whole(bytes));
        }
    }

    proptest! {
        /// Sound ones with some of their bytes changed and anything behind them: what is let through is whole, its length is
        /// known, and it was waited for until then.
        #[test]
        fn whatever_comes_it_is_let_through_only_once_it_is_whole(
            sound in prop::sample::select(vec![V3, V5]),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            rest in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut bytes = sound.to_vec();
            for (index, value) in changes {
                bytes[index.index(sound.len())] = value;
            }
            bytes.extend(rest);
            if whole(&bytes).is_ok_and(|whole| whole) {
                let length = length(&bytes).unwrap();
                prop_assert!(length <= bytes.len());
                for n in 0..length {
                    prop_assert_eq!(whole(&bytes[..n]).ok(), Some(false), "{} of {}", n, length);
                }
                prop_assert_eq!(whole(&bytes[..length]).ok(), Some(true));
            }
        }
    }

    #[test]
    fn a_name_that_may_not_be_empty_is_answered_by_the_broker() {
        assert_eq!(whole(b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00").ok(), Some(true));
    }
}
