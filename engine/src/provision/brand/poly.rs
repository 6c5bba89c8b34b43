//! Poly and Polycom: `MAC.cfg` names the file that has the settings.

use trunkline_sip::transport::Transport;

use crate::provision::escape::xml;
use crate::provision::{Codec, Function, Phone, Site, Srtp};

/// What the name of the settings ends with. `-phone.cfg` and `-web.cfg` are files that the phone itself writes.
pub(super) const SETTINGS: &str = "-trunkline.cfg";

pub(super) fn write_index(_: &Site, phone: &Phone) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <APPLICATION APP_FILE_PATH=\"\" CONFIG_FILES=\"{}{SETTINGS}\" MISC_FILES=\"\" LOG_FILE_DIRECTORY=\"\"/>\n",
        phone.mac.digits()
    )
}

pub(super) fn write(site: &Site, phone: &Phone) -> String {
    let mut text =
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<polycomConfig>\n  <settings\n"
            .to_owned();
    let mut set = |name: &str, value: &str| text += &format!("    {name}=\"{}\"\n", xml(value));
    for (number, account) in (1..).zip(&phone.accounts) {
        let mut set = |name: &str, value: &str| set(&format!("reg.{number}.{name}"), value);
        set("address", &account.user);
        set("label", &account.name);
        set("displayName", &account.name);
        set("auth.userId", &account.user);
        set("auth.password", &account.password.0);
        set("server.1.address", &site.server);
        set("server.1.port", &phone.port.to_string());
        let transport = match phone.transport {
            Transport::Udp => "UDPOnly",
            Transport::Tcp | Transport::Ws => "TCPOnly",
            Transport::Tls | Transport::Wss => "TLS",
        };
        set("server.1.transport", transport);
        set("server.1.expires", &super::REGISTER_EVERY_S.to_string());
    }
    for (number, account) in (1..).zip(&phone.accounts) {
        let mut set = |name: &str, value: &str| set(&format!("msg.mwi.{number}.{name}"), value);
        set("subscribe", &account.user);
        if site.voicemail.is_empty() {
            set("callBackMode", "disabled");
        } else {
            set("callBackMode", "contact");
            set("callBack", &site.voicemail);
        }
    }
    let [offers, requires] = [phone.srtp != Srtp::Off, phone.srtp == Srtp::Required].map(bit);
    set("sec.srtp.enable", offers);
    set("sec.srtp.offer", offers);
    set("sec.srtp.require", requires);
    for codec in Codec::ALL {
        let place = site.codecs.iter().position(|chosen| *chosen == codec).map_or(0, |place| place + 1);
        set(&format!("voice.codecPref.{}", name(codec)), &place.to_string());
    }
    let watched = phone.keys.iter().filter(|key| key.function != Function::Dial);
    for (number, key) in (1..).zip(watched) {
        let mut set =
            |name: &str, value: &str| set(&format!("attendant.resourceList.{number}.{name}"), value);
        set("address", &key.number);
        set("label", &key.label);
        set("type", if key.function == Function::Lamp { "normal" } else { "automata" });
    }
    if let Some(list) = &phone.list {
        set("attendant.uri", &list.address);
        set("attendant.reg", "1");
    }
    set("call.directedCallPickupMethod", "native");
    set("call.directedCallPickupString", &site.pickup_code);
    // What is dialled with the receiver off its hook: digits, `*` and `#` in any order, until nothing has followed for five seconds.
    set("dialplan.digitmap", "[0-9*#][0-9*#].T");
    set("dialplan.digitmap.timeOut", "5");
    set("dialplan.impossibleMatchHandling", "2");
    for feature in ["dnd", "cf"] {
        set(&format!("voIpProt.SIP.serverFeatureControl.{feature}"), bit(site.feature_sync));
        set(&format!("voIpProt.SIP.serverFeatureControl.localProcessing.{feature}"), bit(!site.feature_sync));
    }
    // The text that the daemon asks these phones with to answer by themselves; they compare all of it.
    set("voIpProt.SIP.alertInfo.1.value", "Ring Answer");
    set("voIpProt.SIP.alertInfo.1.class", "ringAutoAnswer");
    text + "  />\n</polycomConfig>\n"
}

const fn bit(is_on: bool) -> &'static str {
    if is_on { "1" } else { "0" }
}

const fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "Opus",
        Codec::G722 => "G722",
        Codec::Pcma => "G711_A",
        Codec::Pcmu => "G711_Mu",
        Codec::G729 => "G729_AB",
    }
}
