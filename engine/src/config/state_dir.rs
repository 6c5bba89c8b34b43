//! The state directory: what the daemon keeps between two starts.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The state directory: the one named, else the first of `$STATE_DIRECTORY` (set by systemd), else
/// `./trunkline-state`.
pub fn state_dir(named: Option<&Path>) -> PathBuf {
    if let Some(path) = named {
        return path.to_owned();
    }
    let given = env::var("STATE_DIRECTORY").unwrap_or_default();
    let first = given.split(':').next().unwrap_or_default();
    if first.is_empty() { STATE_DIR_DEFAULT.into() } else { first.into() }
}

/// The token of the built-in application, for a person's own tools; `None`: the daemon never ran without a
/// configuration here.
pub fn admin_token(state_dir: &Path) -> Option<String> {
    let text = fs::read_to_string(state_dir.join(ADMIN_TOKEN_FILE)).ok()?;
    let token = text.trim();
    (!token.is_empty()).then(|| token.to_owned())
}

/// Reads a file of secrets, or makes it by `fresh`, readable by its owner only. True: it was made.
pub(super) fn keep(
    state_dir: &Path,
    name: &str,
    fresh: impl FnOnce() -> io::Result<String>,
) -> io::Result<(String, bool)> {
    let path = state_dir.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => return Ok((text, false)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir)?;
    let text = fresh()?;
    // Written beside and renamed: a daemon killed here leaves no half of a file.
    let beside = state_dir.join(format!("{name}.making"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, &path)?;
    Ok((text, true))
}

/// The token of the built-in application `admin`, in the state directory.
pub const ADMIN_TOKEN_FILE: &str = "admin-token";

const STATE_DIR_DEFAULT: &str = "trunkline-state";
