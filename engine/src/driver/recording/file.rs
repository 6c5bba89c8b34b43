//! One recording as a WAV file: two channels of 16-bit PCM.
//!
//! It is written under a name that ends in `.part`, readable by its owner alone, with the sizes in its head set right every few
//! seconds, and gets its own name when it is whole. What was never written is a hole: silence.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use trunkline_media::recording::FRAME;

/// RIFF, the format and the head of the samples.
const HEAD_BYTES: u64 = 44;

/// Left and right, 16 bits each.
const MOMENT_BYTES: u64 = 4;

/// What stands behind the name of a file that is not whole.
const PART: &str = ".part";

/// How the name of one of ours ends.
const WAV_PART: &str = ".wav.part";

/// A file that is being written.
#[derive(Debug)]
pub(super) struct WavFile {
    file: File,
    path: PathBuf,
    /// Of samples, in 20 ms and so far.
    frame_bytes: u64,
    bytes: u64,
    /// What the head says.
    told: u64,
}

impl WavFile {
    /// Begins a file; none of this name may be there.
    pub(super) fn create(path: PathBuf, is_wide: bool) -> io::Result<Self> {
        if path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part(&path))?;
        Self::begin(file, path, is_wide)
    }

    /// Writes the head of a file that is new; one that has no room even for that is gone again.
    fn begin(file: File, path: PathBuf, is_wide: bool) -> io::Result<Self> {
        let rate_hz: u32 = if is_wide { 16_000 } else { 8_000 };
        if let Err(error) = file.write_all_at(&head(rate_hz), 0) {
            drop(fs::remove_file(part(&path)));
            return Err(error);
        }
        let frame_bytes = u64::from(rate_hz) / 50 * MOMENT_BYTES;
        Ok(Self { file, path, frame_bytes, bytes: 0, told: 0 })
    }

    /// Writes samples from a frame of 20 ms on.
    pub(super) fn write(&mut self, frame: u64, samples: &[i16]) -> io::Result<()> {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let at = frame.saturating_mul(self.frame_bytes);
        self.file.write_all_at(&bytes, HEAD_BYTES + at)?;
        self.bytes = self.bytes.max(at + bytes.len() as u64);
        Ok(())
    }

    /// How long it is.
    pub(super) fn length(&self) -> Duration {
        let frames = u32::try_from(self.bytes / self.frame_bytes).unwrap_or(u32::MAX);
        FRAME.saturating_mul(frames)
    }

    /// Says in the head how long it is so far.
    pub(super) fn tell_length(&mut self) -> io::Result<()> {
        if self.told != self.bytes {
            tell(&self.file, self.bytes)?;
            self.told = self.bytes;
        }
        Ok(())
    }

    /// Gives the file its name; it lasts as long as this, a pause at its end included.
    pub(super) fn finish(&mut self, length: Duration) -> io::Result<()> {
        let frames = u64::try_from(length.as_millis() / FRAME.as_millis()).unwrap_or(0);
        self.bytes = self.bytes.max(frames.saturating_mul(self.frame_bytes));
        self.file.set_len(HEAD_BYTES + self.bytes)?;
        self.tell_length()?;
        name(&self.file, &part(&self.path), &self.path)
    }
}

/// Makes files whole that a process left that was killed; how many. What is no recording is left alone, and one that cannot be made whole
/// stays as it is: telephony does not wait for it.
pub(super) fn make_whole(directory: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(directory)?.flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().to_string_lossy().ends_with(WAV_PART);
        // Not what a link leads to, nor a pipe, which would be waited for.
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        match make_one_whole(&path) {
            Ok(is_whole) => count += usize::from(is_whole),
            Err(error) => tracing::warn!(path = %path.display(), %error, "a recording cannot be made whole"),
        }
    }
    Ok(count)
}

/// Whether it was one, and got its name.
fn make_one_whole(path: &Path) -> io::Result<bool> {
    let whole = path.to_str().and_then(|name| name.strip_suffix(PART)).map(PathBuf::from);
    let Some(whole) = whole.filter(|whole| !whole.exists()) else { return Ok(false) };
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        // It was killed before there was anything.
        fs::remove_file(path)?;
        return Ok(false);
    }
    let mut begins = [0_u8; 16];
    if bytes < HEAD_BYTES || file.read_exact_at(&mut begins, 0).is_err() || !is_head(&begins) {
        return Ok(false);
    }
    tell(&file, (bytes - HEAD_BYTES) / MOMENT_BYTES * MOMENT_BYTES)?;
    name(&file, path, &whole)?;
    Ok(true)
}

/// Gives a file its name once the disk has all of it: after a power cut what has the name of a whole recording is one.
fn name(file: &File, part: &Path, whole: &Path) -> io::Result<()> {
    file.sync_all()?;
    fs::rename(part, whole)
}

/// Whether a file begins as a recording does.
fn is_head(begins: &[u8; 16]) -> bool {
    begins.starts_with(b"RIFF") && begins.ends_with(b"WAVEfmt ")
}

fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    name.into()
}

/// Writes the two sizes of the head.
fn tell(file: &File, bytes: u64) -> io::Result<()> {
    let size = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    file.write_all_at(&size(bytes + HEAD_BYTES - 8), 4)?;
    file.write_all_at(&size(bytes), HEAD_BYTES - 4)
}

/// The head of a file without samples.
fn head(rate_hz: u32) -> Vec<u8> {
    const PCM: u16 = 1;
    const CHANNELS: u16 = 2;
    const BITS: u16 = 16;
    let moment = u16::try_from(MOMENT_BYTES).unwrap_or(0);
    let mut head = Vec::with_capacity(44);
    head.extend(b"RIFF");
    head.extend(36_u32.to_le_bytes());
    head.extend(b"WAVEfmt ");
    head.extend(16_u32.to_le_bytes());
    head.extend(PCM.to_le_bytes());
    head.extend(CHANNELS.to_le_bytes());
    head.extend(rate_hz.to_le_bytes());
    head.extend((rate_hz * u32::from(moment)).to_le_bytes());
    head.extend(moment.to_le_bytes());
    head.extend(BITS.to_le_bytes());
    head.extend(b"data");
    head.extend(0_u32.to_le_bytes());
    head
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::testing::{Directory, read};
    use super::*;

    #[test]
    fn what_is_written_is_read_at_either_rate_and_holes_are_silence() {
        let directory = Directory::new("wav");
        for (name, is_wide, rate_hz) in [("narrow.wav", false, 8_000), ("wide.wav", true, 16_000)] {
            let path = directory.0.join(name);
            let mut file = WavFile::create(path.clone(), is_wide).unwrap();
            let moments = rate_hz / 50;
            file.write(1, &[3, -4].repeat(moments)).unwrap();
            file.write(3, &[5, -6].repeat(moments)).unwrap();
            assert_eq!(file.length(), Duration::from_millis(80));
            assert!(!path.exists(), "it is not whole");
            file.finish(Duration::from_millis(119)).unwrap();
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let (rate, [left, right]) = read(&path);
            assert_eq!((rate as usize, left.len(), right.len()), (rate_hz, 5 * moments, 5 * moments));
            let frames = |channel: &[i16]| channel.iter().step_by(moments).copied().collect::<Vec<_>>();
            assert_eq!((frames(&left), frames(&right)), (vec![0, 3, 0, 5, 0], vec![0, -4, 0, -6, 0]));
        }
    }

    #[test]
    fn a_file_that_was_left_can_be_read_and_is_made_whole() {
        let directory = Directory::new("left");
        let path = directory.0.join("left.wav");
        let mut file = WavFile::create(path.clone(), false).unwrap();
        file.write(0, &[7; 320]).unwrap();
        file.tell_length().unwrap();
        // Since then the head says too little, and the last moment is not whole.
        file.write(1, &[8; 321]).unwrap();
        drop(file);
        assert_eq!(read(&part(&path)).1[0], [7; 160], "as its head says");
        fs::write(directory.0.join("nothing.wav.part"), b"").unwrap();
        // Neither what is no recording nor what a link leads to is touched, and nobody waits for them.
        fs::write(directory.0.join("other.txt"), b"not ours").unwrap();
        let foreign = [0x55; 100];
        fs::write(directory.0.join("foreign.wav.part"), foreign).unwrap();
        fs::write(directory.0.join("notes.part"), b"not ours").unwrap();
        fs::create_dir(directory.0.join("folder.wav.part")).unwrap();
        std::os::unix::fs::symlink("other.txt", directory.0.join("link.wav.part")).unwrap();
        assert_eq!(make_whole(&directory.0).unwrap(), 1);
        let (_, [left, right]) = read(&path);
        assert_eq!((left.len(), right.len(), left[159], left[160]), (320, 320, 7, 8));
        let mut names: Vec<_> =
            fs::read_dir(&directory.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        let others =
            ["folder.wav.part", "foreign.wav.part", "left.wav", "link.wav.part", "notes.part", "other.txt"];
        assert_eq!(names, others);
        assert_eq!(fs::read(directory.0.join("foreign.wav.part")).unwrap(), foreign);
        assert_eq!(fs::read(directory.0.join("other.txt")).unwrap(), b"not ours");
    }

    #[test]
    fn what_the_disk_does_not_take_gets_no_name() {
        let directory = Directory::new("sync");
        let [before, after] = ["a.wav.part", "a.wav"].map(|name| directory.0.join(name));
        fs::write(&before, b"").unwrap();
        // A device without a disk behind it cannot say that it has anything.
        let unsure = File::open("/dev/null").unwrap();
        assert!(name(&unsure, &before, &after).is_err());
        assert!(before.exists() && !after.exists());
        name(&File::open(&before).unwrap(), &before, &after).unwrap();
        assert!(!before.exists() && after.exists());
    }

    #[test]
    fn a_file_that_has_no_room_for_its_head_is_gone_again() {
        let directory = Directory::new("head");
        let path = directory.0.join("a.wav");
        fs::write(part(&path), b"").unwrap();
        // Who may not write fails as one does who finds no room.
        let unwritable = File::open(part(&path)).unwrap();
        assert!(WavFile::begin(unwritable, path, false).is_err());
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0);
    }

    #[test]
    fn no_file_is_written_twice() {
        let directory = Directory::new("twice");
        let path = directory.0.join("a.wav");
        let mut file = WavFile::create(path.clone(), false).unwrap();
        let taken = || WavFile::create(path.clone(), false).map(drop).map_err(|error| error.kind());
        assert_eq!(taken(), Err(io::ErrorKind::AlreadyExists));
        file.finish(Duration::ZERO).unwrap();
        assert_eq!(taken(), Err(io::ErrorKind::AlreadyExists));
    }
}
