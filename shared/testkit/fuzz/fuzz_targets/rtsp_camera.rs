//! Drives [`omma_fuzz::rtsp_camera`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_fuzz::rtsp_camera(data));
