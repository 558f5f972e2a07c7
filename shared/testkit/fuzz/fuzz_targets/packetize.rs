//! Drives [`omma_fuzz::packetize`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_fuzz::packetize(data));
