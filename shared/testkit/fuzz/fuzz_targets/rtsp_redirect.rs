//! Drives [`omma_testkit::fuzz::rtsp_redirect`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::rtsp_redirect(data));
