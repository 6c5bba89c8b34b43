//! What the tests of recordings share.

use std::path::{Path, PathBuf};

/// A directory of a test, gone with it.
pub(super) struct Directory(pub(super) PathBuf);

impl Directory {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trunkline-recording-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A WAV file as another reader finds it: samples a second, left and right.
pub(super) fn read(path: &Path) -> (u32, [Vec<i16>; 2]) {
    let mut reader = hound::WavReader::open(path).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().bits_per_sample), (2, 16));
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let side = |side: usize| samples.iter().skip(side).step_by(2).copied().collect();
    (reader.spec().sample_rate, [side(0), side(1)])
}
