//! How large each function's package is: its binary, deflated as zip does it.

use crate::lambda::{FUNCTIONS, binary};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::Write;

/// Compresses each binary.
pub fn measure() {
    for function in FUNCTIONS {
        let bytes = std::fs::read(binary(function)).unwrap();
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&bytes).unwrap();
        let packed = packed.finish().unwrap().len();
        println!("  {function:8} {:.2} MB zipped, {:.2} MB to load", mega(packed), mega(bytes.len()));
    }
}

fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
