//! Grandstream: `cfgMAC.xml`, whose settings are numbers.

use trunkline_sip::transport::Transport;

use crate::provision::escape::xml;
use crate::provision::{Codec, Function, Key, Phone, Site, Srtp};

/// Accounts whose numbers are known: the first has numbers of its own, each further one a hundred.
pub(super) const ACCOUNTS_MAX: usize = 6;

/// Line keys whose numbers are known, those of the accounts included.
const LINE_KEYS_MAX: usize = 6;

/// The event list of the first account.
const LIST: usize = 134;

/// Whether the phone makes keys of it.
const LISTS_ONTO_KEYS: usize = 2389;

/// Further keys, of phones that have them.
const SIDE_KEYS_MAX: usize = 7;

/// Numbers, and `*` or `#` with anything behind it.
const DIAL_PLAN: &str = r"{ x+ | \+x+ | [*#][*#x]+ }";

pub(super) const fn keys_max(accounts: usize) -> usize {
    LINE_KEYS_MAX.saturating_sub(accounts) + SIDE_KEYS_MAX
}

/// The numbers of one account's settings.
struct Numbers {
    active: usize,
    name: usize,
    server: usize,
    user: usize,
    authentication: usize,
    password: usize,
    shown: usize,
    voicemail: usize,
    subscribes: usize,
    transport: usize,
    srtp: usize,
    pickup: usize,
    auto_answer: usize,
    dial_plan: usize,
    own_codes: usize,
    pound_dials: usize,
    feature_sync: usize,
    codecs: [usize; 8],
}

const fn numbers(account: usize) -> Numbers {
    if account == 0 {
        return Numbers {
            active: 271,
            name: 270,
            server: 47,
            user: 35,
            authentication: 36,
            password: 34,
            shown: 3,
            voicemail: 33,
            subscribes: 99,
            transport: 130,
            srtp: 183,
            pickup: 1347,
            auto_answer: 298,
            dial_plan: 290,
            own_codes: 191,
            pound_dials: 72,
            feature_sync: 2325,
            codecs: [57, 58, 59, 60, 61, 62, 46, 98],
        };
    }
    let hundred = (account + 3) * 100;
    Numbers {
        active: hundred + 1,
        name: hundred + 17,
        server: hundred + 2,
        user: hundred + 4,
        authentication: hundred + 5,
        password: hundred + 6,
        shown: hundred + 7,
        voicemail: hundred + 26,
        subscribes: hundred + 15,
        transport: hundred + 48,
        srtp: hundred + 43,
        pickup: hundred + 81,
        auto_answer: hundred + 38,
        dial_plan: hundred + 59,
        own_codes: hundred + 20,
        pound_dials: hundred + 92,
        feature_sync: 2325 + account * 100,
        codecs: [
            hundred + 51,
            hundred + 52,
            hundred + 53,
            hundred + 54,
            hundred + 55,
            hundred + 56,
            hundred + 57,
            hundred + 58,
        ],
    }
}

pub(super) fn write(site: &Site, phone: &Phone) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gs_provision version=\"1\">\n  <mac>{}</mac>\n  <config version=\"1\">\n",
        phone.mac.digits()
    );
    let mut set =
        |number: usize, value: &str| text += &format!("    <P{number}>{}</P{number}>\n", xml(value));
    for (index, account) in phone.accounts.iter().enumerate() {
        let numbers = numbers(index);
        set(numbers.active, "1");
        set(numbers.name, &account.name);
        set(numbers.server, &format!("{}:{}", site.server, phone.port));
        set(numbers.user, &account.user);
        set(numbers.authentication, &account.user);
        set(numbers.password, &account.password.0);
        set(numbers.shown, &account.name);
        set(numbers.voicemail, &site.voicemail);
        set(numbers.subscribes, "1");
        let transport = match phone.transport {
            Transport::Udp => "0",
            Transport::Tcp | Transport::Ws => "1",
            Transport::Tls | Transport::Wss => "2",
        };
        set(numbers.transport, transport);
        let srtp = match phone.srtp {
            Srtp::Off => "0",
            Srtp::Optional => "1",
            Srtp::Required => "2",
        };
        set(numbers.srtp, srtp);
        set(numbers.pickup, &site.pickup_code);
        set(numbers.auto_answer, "1");
        set(numbers.dial_plan, DIAL_PLAN);
        // Else the phone carries out `*67`, `*70` and others by itself.
        set(numbers.own_codes, "0");
        set(numbers.pound_dials, if site.dials_pound { "0" } else { "1" });
        set(numbers.feature_sync, if site.feature_sync { "1" } else { "0" });
        // Every choice has a codec: the last one stands in those that are left.
        let choices = site.codecs.iter().chain(std::iter::repeat(site.codecs.last().unwrap_or(&Codec::Pcmu)));
        for (number, codec) in numbers.codecs.into_iter().zip(choices) {
            set(number, payload_type(*codec));
        }
    }
    if let Some(list) = &phone.list {
        set(LIST, &list.address);
        // The phone puts what the list names onto keys that have no mode.
        set(LISTS_ONTO_KEYS, "1");
    }
    let on_lines = LINE_KEYS_MAX.saturating_sub(phone.accounts.len()).min(phone.keys.len());
    let (lines, sides) = phone.keys.split_at(on_lines);
    for (index, key) in (phone.accounts.len()..).zip(lines) {
        let mode = if key.function == Function::Dial { "10" } else { "11" };
        let numbers = [1363 + 2 * index, 1364 + 2 * index, 1465 + 2 * index, 1466 + 2 * index];
        set_key(&mut set, numbers, mode, key);
    }
    for (index, key) in sides.iter().enumerate() {
        let mode = if key.function == Function::Dial { "0" } else { "1" };
        set_key(&mut set, [323 + index, 301 + 3 * index, 302 + 3 * index, 303 + 3 * index], mode, key);
    }
    text + "  </config>\n</gs_provision>\n"
}

/// Mode, account, name and number of a key.
fn set_key(set: &mut impl FnMut(usize, &str), numbers: [usize; 4], mode: &str, key: &Key) {
    for (number, value) in numbers.into_iter().zip([mode, "0", &key.label, &key.number]) {
        set(number, value);
    }
}

/// By the number that stands in RTP.
const fn payload_type(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "123",
        Codec::G722 => "9",
        Codec::Pcma => "8",
        Codec::Pcmu => "0",
        Codec::G729 => "18",
    }
}
