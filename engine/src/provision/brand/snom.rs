//! Snom: `snomMAC.htm`, XML.

use crate::provision::escape::xml;
use crate::provision::{Codec, Function, Phone, Site, Srtp};

pub(super) fn write(site: &Site, phone: &Phone) -> String {
    let mut text =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<settings>\n  <phone-settings e=\"2\">\n".to_owned();
    let codecs: Vec<_> = site.codecs.iter().copied().map(codec).chain(["telephone-event"]).collect();
    for (number, account) in (1..).zip(&phone.accounts) {
        let mut set = |name: &str, value: &str| {
            text += &format!("    <{name} idx=\"{number}\" perm=\"\">{}</{name}>\n", xml(value));
        };
        set("user_active", "on");
        set("user_realname", &account.name);
        set("user_idle_text", &account.name);
        set("user_name", &account.user);
        set("user_pname", &account.user);
        set("user_pass", &account.password.0);
        set("user_host", &site.server);
        let transport = phone.transport.param_name();
        set("user_outbound", &format!("sip:{}:{};transport={transport}", site.server, phone.port));
        set("user_expiry", &super::REGISTER_EVERY_S.to_string());
        set("user_mailbox", &site.voicemail);
        set("user_srtp", if phone.srtp == Srtp::Off { "off" } else { "on" });
        let savp = match phone.srtp {
            Srtp::Off => "off",
            Srtp::Optional => "optional",
            Srtp::Required => "mandatory",
        };
        set("user_savp", savp);
        set("codec_priority_list", &codecs.join(","));
        if let Some(list) = phone.list.as_ref().filter(|_| number == 1) {
            set("user_event_list_subscription", "on");
            set("user_event_list_uri", &format!("sip:{}@{}", list.address, site.server));
        }
    }
    text += "    <answer_after_policy perm=\"\">idle</answer_after_policy>\n";
    text += "  </phone-settings>\n  <functionKeys e=\"2\">\n";
    for number in 0..phone.accounts.len() {
        text += &format!(
            "    <fkey idx=\"{number}\" context=\"{}\" label=\"\" perm=\"\">line</fkey>\n",
            number + 1
        );
    }
    for (number, key) in (phone.accounts.len()..).zip(&phone.keys) {
        let value = match key.function {
            Function::Lamp | Function::Slot => format!("blf sip:{}@{}", key.number, site.server),
            Function::Dial => format!("speed {}", key.number),
        };
        text += &format!(
            "    <fkey idx=\"{number}\" context=\"1\" label=\"{}\" perm=\"\">{}</fkey>\n",
            xml(&key.label),
            xml(&value)
        );
    }
    text + "  </functionKeys>\n</settings>\n"
}

const fn codec(codec: Codec) -> &'static str {
    codec.name()
}
