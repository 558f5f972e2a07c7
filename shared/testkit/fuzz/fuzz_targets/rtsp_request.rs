//! Drives [`omma_testkit::fuzz::rtsp_request`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::rtsp_request(data));
