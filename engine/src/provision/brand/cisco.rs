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
        set("Dial_Plan", DIAL_PLAN);
        set("Feature_Key_Sync", if site.feature_sync { "Yes" } else { "No" });
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
    // A code that the phone carries out by itself never reaches the daemon.
    OWN_CODES.into_iter().for_each(|name| set(name, ""));
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

/// Digits, `*` and `#` in any order; five seconds after the last one the phone dials.
const DIAL_PLAN: &str = "S:5,([x*#][x*#].)";

/// "Vertical service activation codes": `*66` calls back, `*67` hides the own number, `*70` is call waiting, and so on.
const OWN_CODES: [&str; 34] = [
    "Call_Return_Code",
    "Blind_Transfer_Code",
    "Call_Back_Act_Code",
    "Call_Back_Deact_Code",
    "Cfwd_All_Act_Code",
    "Cfwd_All_Deact_Code",
    "Cfwd_Busy_Act_Code",
    "Cfwd_Busy_Deact_Code",
    "Cfwd_No_Ans_Act_Code",
    "Cfwd_No_Ans_Deact_Code",
    "CW_Act_Code",
    "CW_Deact_Code",
    "CW_Per_Call_Act_Code",
    "CW_Per_Call_Deact_Code",
    "Block_CID_Act_Code",
    "Block_CID_Deact_Code",
    "Block_CID_Per_Call_Act_Code",
    "Block_CID_Per_Call_Deact_Code",
    "Block_ANC_Act_Code",
    "Block_ANC_Deact_Code",
    "DND_Act_Code",
    "DND_Deact_Code",
    "Secure_All_Call_Act_Code",
    "Secure_No_Call_Act_Code",
    "Secure_One_Call_Act_Code",
    "Secure_One_Call_Deact_Code",
    "Paging_Code",
    "Call_Park_Code",
    "Call_Pickup_Code",
    "Call_UnPark_Code",
    "Group_Call_Pickup_Code",
    "Media_Loopback_Code",
    "Referral_Services_Codes",
    "Feature_Dial_Services_Codes",
];
