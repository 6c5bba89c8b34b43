//! Cisco with multiplatform firmware: `MAC.xml` or `MODEL.xml`, a flat profile.

use crate::provision::escape::xml;
use crate::provision::{Codec, Function, Phone, Site, Srtp};

pub(super) fn write(site: &Site, phone: &Phone) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<flat-profile>\n".to_owned();
    let mut set = |name: &str, value: &str| text += &format!("  <{name} ua=\"na\">{}</{name}>\n", xml(value));
    for (number, account) in (1..).zip(&phone.accounts) {
        let mut set = |name: &str, value: &str| set(&format!("{name}_{number}_"), value);
        set("Line_Enable", "Yes");
        set("Proxy", &format!("{}:{}", site.server, phone.port));
        set("SIP_Transport", &phone.transport.name().to_ascii_uppercase());
        set("Register", "Yes");
        set("Register_Expires", &super::REGISTER_EVERY_S.to_string());
        set("Display_Name", &account.name);
        set("User_ID", &account.user);
        set("Auth_ID", &account.user);
        set("Password", &account.password.0);
        let srtp = match phone.srtp {
            Srtp::Off | Srtp::Optional => "Optional",
            Srtp::Required => "Required",
        };
        set("Secure_Call_Option", srtp);
        let preferences = ["Preferred_Codec", "Second_Preferred_Codec", "Third_Preferred_Codec"];
        let codecs = site.codecs.iter().copied().map(codec).chain(std::iter::repeat("Unspecified"));
        preferences.into_iter().zip(codecs).for_each(|(name, codec)| set(name, codec));
        if !site.voicemail.is_empty() {
            set("Voice_Mail_Enable", "Yes");
            set("Mailbox_ID", &account.user);
            // Messages are subscribed to where this names somebody.
            set("Voice_Mail_Server", &format!("{}:{}", site.server, phone.port));
        }
    }
    set("Voice_Mail_Number", &site.voicemail);
    set("Secure_Call_Serv", if phone.srtp == Srtp::Off { "No" } else { "Yes" });
    set("Attendant_Console_Call_Pickup_Code", &site.pickup_code);
    if let Some(list) = &phone.list {
        set("BLF_List_URI", &format!("sip:{}@$PROXY", list.address));
        set("Use_Line_Keys_For_BLF_List", "Yes");
    }
    set("Auto_Answer_Page", "Yes");
    for (number, account) in (1..).zip(&phone.accounts) {
        set(&format!("Extension_{number}_"), &number.to_string());
        set(&format!("Short_Name_{number}_"), &account.name);
    }
    for (number, key) in (phone.accounts.len() + 1..).zip(&phone.keys) {
        let at = format!("{}@$PROXY", key.number);
        let function = match key.function {
            Function::Lamp => format!("fnc=blf+sd+cp;sub={at};ext={at}"),
            Function::Slot => format!("fnc=blf+sd;sub={at};ext={at}"),
            Function::Dial => format!("fnc=sd;ext={at}"),
        };
        set(&format!("Extension_{number}_"), "Disabled");
        set(&format!("Extended_Function_{number}_"), &format!("{function};nme={}", name(&key.label)));
    }
    text + "</flat-profile>\n"
}

/// A name among parts that end with a semicolon, in which `$` begins a word of the phone's.
fn name(label: &str) -> String {
    label.replace([';', '$'], " ").trim().to_owned()
}

const fn codec(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "OPUS",
        Codec::G722 => "G722",
        Codec::Pcma => "G711a",
        Codec::Pcmu => "G711u",
        Codec::G729 => "G729a",
    }
}
