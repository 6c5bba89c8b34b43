//! Keys for do not disturb and forwarding: what a phone tells that it did, or asks the server for (ECMA-269 §22.1, §22.2).

use super::number;
use super::texts::Texts;
use crate::outbox::{FeatureWish, ForwardKind};
use crate::package::features::flag;

/// What phones ask for that leave their features to the server.
const SERVICES: [&str; 2] = ["SetDoNotDisturb", "SetForwarding"];

/// The service that the phone asks for by this body; `None`: it asks for none of these.
pub(super) fn service(root: &str) -> Option<&'static str> {
    SERVICES.into_iter().find(|service| *service == root)
}

/// What the body says of a feature.
pub(super) fn read(texts: &Texts) -> Option<FeatureWish> {
    let first = |names: [&str; 3]| names.map(|name| texts.of(name)).into_iter().find(|text| !text.is_empty());
    match texts.root.as_str() {
        "DoNotDisturbEvent" | "SetDoNotDisturb" => {
            Some(FeatureWish::DoNotDisturb(flag(texts.of("doNotDisturbOn"))?))
        }
        "ForwardingEvent" | "SetForwarding" => {
            let word = texts.of("forwardingType");
            let kind = ForwardKind::ALL.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(word))?;
            let is_on = flag(first(["forwardStatus", "activateForward", ""])?)?;
            let to =
                number(first(["forwardTo", "forwardTo/deviceIdentifier", "forwardDN"]).unwrap_or_default());
            let rings = texts.of("ringCount").parse().ok();
            Some(FeatureWish::Forward { kind, is_on, to, rings })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Statement, read};
    use super::*;

    #[test]
    fn keys_of_the_phone_are_read() {
        let forward =
            |kind, is_on, to: &str, rings| FeatureWish::Forward { kind, is_on, to: to.to_owned(), rings };
        let cases = [
            (
                "<DoNotDisturbEvent><monitorCrossRefID>1</monitorCrossRefID><device><deviceIdentifier>sip:1001@x\
                 </deviceIdentifier></device><doNotDisturbOn>true</doNotDisturbOn></DoNotDisturbEvent>",
                FeatureWish::DoNotDisturb(true),
                None,
            ),
            (
                "<ForwardingEvent><forwardingType>forwardImmediate</forwardingType><forwardStatus>true</forwardStatus>\
                 <forwardTo>sip:200@x</forwardTo></ForwardingEvent>",
                forward(ForwardKind::Immediate, true, "200", None),
                None,
            ),
            (
                "<ForwardingEvent><forwardingType>forwardNoAns</forwardingType><forwardStatus>true</forwardStatus>\
                 <forwardTo><deviceIdentifier>tel:200</deviceIdentifier></forwardTo><ringCount>5</ringCount></ForwardingEvent>",
                forward(ForwardKind::NoAnswer, true, "200", Some(5)),
                None,
            ),
            (
                "<SetForwarding><device/><forwardingType>forwardBusy</forwardingType><activateForward>false</activateForward>\
                 </SetForwarding>",
                forward(ForwardKind::Busy, false, "", None),
                Some("SetForwarding"),
            ),
            (
                "<SetDoNotDisturb><doNotDisturbOn>0</doNotDisturbOn></SetDoNotDisturb>",
                FeatureWish::DoNotDisturb(false),
                Some("SetDoNotDisturb"),
            ),
        ];
        for (body, wish, service) in cases {
            assert_eq!(read(body.as_bytes()), Ok(Statement::Feature { wish, service }), "{body}");
        }
        for body in [
            "<DoNotDisturbEvent/>",
            "<ForwardingEvent><forwardingType>forwardDND</forwardingType><forwardStatus>true</forwardStatus></ForwardingEvent>",
            "<SetForwarding><forwardingType>forwardBusy</forwardingType></SetForwarding>",
        ] {
            assert_eq!(read(body.as_bytes()), Ok(Statement::Other), "{body}");
        }
    }
}
