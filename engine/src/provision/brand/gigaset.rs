//! Gigaset: `MAC.xml` of a DECT base, whose handsets have a line each.

use trunkline_sip::transport::Transport;

use crate::provision::escape::xml;
use crate::provision::{Phone, Site, Srtp};

pub(super) fn write(site: &Site, phone: &Phone) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<provisioning version=\"1.1\" productID=\"e2\">\n  <nvm>\n".to_owned();
    let mut set = |name: &str, value: &str| {
        text += &format!("    <param name=\"{name}\" value=\"{}\"/>\n", xml(value));
    };
    set("SipProvider.0.Name", "Trunkline");
    set("SipProvider.0.Domain", &site.server);
    set("SipProvider.0.ProxyServerAddress", &site.server);
    set("SipProvider.0.ProxyServerPort", &phone.port.to_string());
    set("SipProvider.0.RegServerAddress", &site.server);
    set("SipProvider.0.RegServerPort", &phone.port.to_string());
    set("SipProvider.0.RegServerRefreshTimer", &super::REGISTER_EVERY_S.to_string());
    let transport = match phone.transport {
        Transport::Udp => "1",
        Transport::Tcp | Transport::Ws => "2",
        Transport::Tls | Transport::Wss => "3",
    };
    set("SipProvider.0.TransportProtocol", transport);
    set("SipProvider.0.SRTP_Enabled", if phone.srtp == Srtp::Off { "0" } else { "1" });
    set("SipProvider.0.AcceptNonSRTPCalls", if phone.srtp == Srtp::Required { "0" } else { "1" });
    if !site.voicemail.is_empty() {
        set("SipProvider.0.MWISubscription", "1");
    }
    for (number, account) in (1..).zip(&phone.accounts) {
        let handset = format!("{number:05}");
        text += &format!(
            "    <oper name=\"add_hs\" value=\"{handset}\">\n      <param name=\"hs.RegStatus\" value=\"ToReg\"/>\n    </oper>\n"
        );
        let mut set = |name: &str, value: &str| {
            text += &format!("    <param name=\"SipAccount.{handset}.{name}\" value=\"{}\"/>\n", xml(value));
        };
        set("ProviderId", "0");
        set("AuthName", &account.user);
        set("AuthPassword", &account.password.0);
        set("UserName", &account.user);
        set("DisplayName", &account.name);
        if !site.voicemail.is_empty() {
            set("VoiceMailActive", "1");
            set("VoiceMailMailbox", &site.voicemail);
        }
    }
    text + "  </nvm>\n</provisioning>\n"
}
