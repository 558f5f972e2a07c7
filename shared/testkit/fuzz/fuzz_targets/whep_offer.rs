//! Drives [`omma_fuzz::whep_offer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_fuzz::whep_offer(data));
