//! The relay in the kernel, as the configuration wants it.

use trunkline_media::kernel::{KernelPath, KernelPathConfig, Missing, PathNotice};

use crate::config::{KernelRelay, Media};

/// Starts it and says in the log where it runs, or what is missing; `None` where calls are relayed in user space alone.
///
/// # Errors
/// What is missing, where the configuration requires it.
pub(crate) fn start(media: &Media) -> Result<Option<KernelPath>, Missing> {
    let is_required = match media.kernel {
        KernelRelay::Off => return Ok(None),
        // Nothing to gain: what stays on this machine passes no interface.
        KernelRelay::Auto if media.listen.is_loopback() => return Ok(None),
        KernelRelay::Auto => false,
        KernelRelay::Require => true,
    };
    let config = KernelPathConfig {
        flows_max: u32::try_from(media.ports.len() / 2).expect("ports are numbers of 16 bits"),
        interfaces: media.kernel_interfaces.clone(),
        hook: media.kernel_hook,
        dscp: media.dscp,
    };
    let started = if media.listen.is_loopback() {
        Err(Missing::Interface("media.listen is an address of this machine alone".to_owned()))
    } else {
        KernelPath::start(config, Box::new(|notice| log(&notice)))
    };
    let missing = match started {
        Ok(path) => match path.missing() {
            None => {
                let on =
                    path.attached().into_iter().map(|(interface, hook)| format!("{hook} on {interface}"));
                tracing::info!("in-kernel relay: {}", on.collect::<Vec<_>>().join(", "));
                return Ok(Some(path));
            }
            Some(missing) if !is_required => {
                tracing::info!("no in-kernel relay yet, calls are relayed in user space: {missing}");
                return Ok(Some(path));
            }
            Some(missing) => missing,
        },
        Err(missing) => missing,
    };
    if is_required {
        return Err(missing);
    }
    tracing::info!("no in-kernel relay, calls are relayed in user space: {missing}");
    Ok(None)
}

fn log(notice: &PathNotice) {
    match notice {
        PathNotice::Attached(interface, hook) => tracing::info!("in-kernel relay: {hook} on {interface}"),
        PathNotice::Refused(interface, why) => tracing::warn!("in-kernel relay: not on {interface}: {why}"),
        PathNotice::Gone(interface) => tracing::info!("in-kernel relay: {interface} is gone or down"),
    }
}
