//! Drives [`omma_fuzz::webrtc_datagrams`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_fuzz::webrtc_datagrams(data));
