//! Drives [`omma_testkit::fuzz::rtsp_interpreter`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_testkit::fuzz::rtsp_interpreter(data));
