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
    let started = if media.listen.is_loopback() {
        Err(only_this_machine())
    } else {
        KernelPath::start(path_config(media), Box::new(|notice| log(&notice)))
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

/// What [`start`] would do for the user who asks, in a line; `None` where the configuration wants nothing of the kernel. No
/// interface is touched.
pub(crate) fn probe(media: &Media) -> Option<String> {
    let is_required = match media.kernel {
        KernelRelay::Off => return None,
        KernelRelay::Auto => false,
        KernelRelay::Require => true,
    };
    let config = path_config(media);
    let probed =
        if media.listen.is_loopback() { Err(only_this_machine()) } else { KernelPath::probe(&config) };
    Some(match probed {
        Ok(would_run) => {
            let on = would_run.iter().map(|(interface, hook)| format!("{hook} on {interface}"));
            let mut line = format!("in-kernel relay: would run: {}", on.collect::<Vec<_>>().join(", "));
            for named in &config.interfaces {
                if !would_run.iter().any(|(interface, _)| interface == named) {
                    line.push_str(&format!("; {named} is not there, is down or takes no program"));
                }
            }
            line
        }
        Err(missing) if is_required => format!("in-kernel relay: the daemon would not start: {missing}"),
        Err(missing) => format!("in-kernel relay: none, calls would be relayed in user space: {missing}"),
    })
}

fn path_config(media: &Media) -> KernelPathConfig {
    KernelPathConfig {
        flows_max: u32::try_from(media.ports.len() / 2).expect("ports are numbers of 16 bits"),
        interfaces: media.kernel_interfaces.clone(),
        hook: media.kernel_hook,
        dscp: media.dscp,
    }
}

fn only_this_machine() -> Missing {
    Missing::Interface("media.listen is an address of this machine alone".to_owned())
}

fn log(notice: &PathNotice) {
    match notice {
        PathNotice::Attached(interface, hook) => tracing::info!("in-kernel relay: {hook} on {interface}"),
        PathNotice::Refused(interface, why) => tracing::warn!("in-kernel relay: not on {interface}: {why}"),
        PathNotice::Gone(interface) => tracing::info!("in-kernel relay: {interface} is gone or down"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Config;

    #[test]
    fn what_is_not_wanted_is_not_tried() {
        let probed = |keys: &str| {
            let text = format!("[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n[media]\n{keys}\n");
            probe(&Config::parse(Path::new("a.toml"), &text).unwrap().media)
        };
        assert_eq!(probed("kernel = \"off\""), None);
        let of_this_machine =
            "no interface takes the program: media.listen is an address of this machine alone";
        let auto = probed("kernel = \"auto\"\nlisten = \"127.0.0.1\"").unwrap();
        assert!(auto.contains("would be relayed in user space") && auto.ends_with(of_this_machine), "{auto}");
        let required = probed("kernel = \"require\"\nlisten = \"127.0.0.1\"").unwrap();
        assert!(required.contains("would not start") && required.ends_with(of_this_machine), "{required}");
    }
}
