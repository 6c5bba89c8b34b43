//! How many tests work at once. A test holds a place while it works. While it only waits for transactions to die (32 s), which
//! costs the machine nothing, another has the place.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{env, thread};

/// Takes a place, as soon as one is free. A lock of the system's: it goes with the process, however that ends.
pub(crate) fn take() {
    let count = env::var("TRUNKLINE_PLACES").ok().and_then(|count| count.parse().ok()).unwrap_or(PLACES);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("places");
    fs::create_dir_all(&directory).expect("the target directory is writable");
    let place = loop {
        if let Some(free) = (0..count).find_map(|number| lock(&directory.join(number.to_string()))) {
            break free;
        }
        thread::sleep(LOOK_EVERY);
    };
    *HELD.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
}

/// Leaves it to another.
pub(crate) fn leave() {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
}

fn lock(place: &Path) -> Option<File> {
    let file = File::create(place).expect("the target directory is writable");
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) => panic!("{}: {error}", place.display()),
    }
}

/// The place of this process, which is one test.
static HELD: Mutex<Option<File>> = Mutex::new(None);
/// Where nothing else is said: phones on two slow processors are still let run in time. `tests/run.sh` gives one place to tests that
/// measure load.
const PLACES: usize = 3;
const LOOK_EVERY: Duration = Duration::from_millis(100);
