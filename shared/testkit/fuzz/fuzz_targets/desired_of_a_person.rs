//! Drives [`omma_fuzz::desired_of_a_person`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| omma_fuzz::desired_of_a_person(data));
