//! Yealink: `MAC.cfg`, a key and a value on each line.

use trunkline_sip::transport::Transport;

use super::REGISTER_EVERY_S;
use crate::provision::escape::line;
use crate::provision::{Codec, Function, Phone, Site, Srtp};

pub(super) fn write(site: &Site, phone: &Phone) -> String {
    // A file without this first line is not read.
    let mut text = "#!version:1.0.0.1\n".to_owned();
    let mut set = |key: &str, value: &str| text += &format!("{key} = {}\n", line(value));
    for (number, account) in (1..).zip(&phone.accounts) {
        let mut set = |key: &str, value: &str| set(&format!("account.{number}.{key}"), value);
        set("enable", "1");
        set("label", &account.name);
        set("display_name", &account.name);
        set("user_name", &account.user);
        set("auth_name", &account.user);
        set("password", &account.password.0);
        set("sip_server.1.address", &site.server);
        set("sip_server.1.port", &phone.port.to_string());
        set("sip_server.1.transport_type", transport(phone.transport));
        set("sip_server.1.expires", &REGISTER_EVERY_S.to_string());
        let srtp = match phone.srtp {
            Srtp::Off => "0",
            Srtp::Optional => "1",
            Srtp::Required => "2",
        };
        set("srtp_encryption", srtp);
        set("subscribe_mwi", "1");
        for codec in Codec::ALL {
            let place = site.codecs.iter().position(|chosen| *chosen == codec);
            let name = codec.name();
            set(&format!("codec.{name}.enable"), if place.is_some() { "1" } else { "0" });
            if let Some(place) = place {
                set(&format!("codec.{name}.priority"), &(place + 1).to_string());
            }
        }
    }
    if !site.voicemail.is_empty() {
        for number in 1..=phone.accounts.len() {
            set(&format!("voice_mail.number.{number}"), &site.voicemail);
        }
    }
    let picks_up = !site.pickup_code.is_empty();
    set("features.pickup.direct_pickup_enable", if picks_up { "1" } else { "0" });
    if picks_up {
        set("features.pickup.direct_pickup_code", &site.pickup_code);
    }
    set("features.intercom.allow", "1");
    // "#" as a key that sends would end `#21` before it has begun.
    set("features.key_as_send", if site.dials_pound { "0" } else { "1" });
    let is_synchronised = if site.feature_sync { "1" } else { "0" };
    for feature in ["", "dnd.", "forward."] {
        set(&format!("features.{feature}feature_key_sync.enable"), is_synchronised);
    }
    for number in 1..=phone.accounts.len() {
        set(&format!("linekey.{number}.type"), "15");
        set(&format!("linekey.{number}.line"), &number.to_string());
    }
    for (number, key) in (phone.accounts.len() + 1..).zip(&phone.keys) {
        let mut set = |name: &str, value: &str| set(&format!("linekey.{number}.{name}"), value);
        set("type", if key.function == Function::Dial { "13" } else { "16" });
        set("line", "1");
        set("value", &key.number);
        set("label", &key.label);
        if key.function == Function::Lamp && picks_up {
            set("extension", &site.pickup_code);
        }
    }
    if let Some(list) = &phone.list {
        set("account.1.blf.blf_list_uri", &format!("{}@{}", list.address, site.server));
        if picks_up {
            set("account.1.blf_list_code", &site.pickup_code);
        }
        // The phone puts onto them what the list names, in its order.
        let first = phone.accounts.len() + phone.keys.len() + 1;
        for number in first..first + list.keys {
            set(&format!("linekey.{number}.type"), "39");
            set(&format!("linekey.{number}.line"), "1");
        }
    }
    text
}

const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "0",
        Transport::Tcp | Transport::Ws => "1",
        Transport::Tls | Transport::Wss => "2",
    }
}
