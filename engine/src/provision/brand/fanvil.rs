//! Fanvil: `MAC.cfg` in modules, a key and a value on each line.

use trunkline_sip::transport::Transport;

use crate::provision::escape::line;
use crate::provision::{Codec, Function, Phone, Site, Srtp};

pub(super) fn write(site: &Site, phone: &Phone) -> String {
    // A file is taken if its version is higher than the last one's. The head has 64 octets.
    let head = format!("<<VOIP CONFIG FILE>>Version:2.{:010}", site.revision);
    let mut text = format!("{head:62}\r\n\n<SIP CONFIG MODULE>\n--SIP Line List--  :\n");
    let codecs: Vec<_> = site.codecs.iter().copied().map(codec).collect();
    for (number, account) in (1..).zip(&phone.accounts) {
        let mut set = |key: &str, value: &str| text += &format!("SIP{number} {key} :{}\n", line(value));
        set("Phone Number", &account.user);
        set("Display Name", &account.name);
        set("Register Addr", &site.server);
        set("Register Port", &phone.port.to_string());
        set("Register User", &account.user);
        set("Register Pswd", &account.password.0);
        set("Register TTL", &super::REGISTER_EVERY_S.to_string());
        set("Enable Reg", "1");
        let transport = match phone.transport {
            Transport::Udp => "0",
            Transport::Tcp | Transport::Ws => "1",
            Transport::Tls | Transport::Wss => "3",
        };
        set("Transport", transport);
        let srtp = match phone.srtp {
            Srtp::Off => "0",
            Srtp::Optional => "1",
            Srtp::Required => "2",
        };
        set("Media Crypto", srtp);
        set("MWI Num", &site.voicemail);
        set("Subscribe", "1");
        set("Pickup Num", &site.pickup_code);
        set("Feature Sync", if site.feature_sync { "1" } else { "0" });
        set("VoiceCodecMap", &codecs.join(","));
    }
    text += "\n<CALL FEATURE MODULE>\n--Basic DialPlan-- :\n";
    text += &format!("Dial by Pound :{}\n", if site.dials_pound { "0" } else { "1" });
    text += "\n<DSSKEY CONFIG MODULE>\n--Dsskey Config1--:\n";
    let mut set = |number: usize, kind: &str, value: &str, title: &str| {
        for (key, value) in [("Type", kind), ("Value", value), ("Title", title)] {
            text += &format!("Fkey{number} {key} :{}\n", line(value));
        }
    };
    for number in 1..=phone.accounts.len() {
        set(number, "2", &format!("SIP{number}"), "");
    }
    for (number, key) in (phone.accounts.len() + 1..).zip(&phone.keys) {
        let dialled = &key.number;
        let value = match key.function {
            // What is dialled while the lamp blinks stands behind it.
            Function::Lamp if !site.pickup_code.is_empty() => {
                format!("{dialled}@1/ba{}{dialled}", site.pickup_code)
            }
            Function::Lamp | Function::Slot => format!("{dialled}@1/ba"),
            Function::Dial => format!("{dialled}@1/f"),
        };
        set(number, "1", &value, &key.label);
    }
    text + "\n<<END OF FILE>>\n"
}

const fn codec(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::G722 => "G722",
        Codec::Pcma => "PCMA",
        Codec::Pcmu => "PCMU",
        Codec::G729 => "G729",
    }
}
