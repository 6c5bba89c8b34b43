//! The text of each brand: as it is expected, under the names that phones ask for, whatever people are called.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use regex::Regex;
use trunkline_sip::transport::Transport;

use super::{leaves, office, office_with, pairs, parse, phone, settings, settings_name, values};
use crate::config::Secret;
use crate::provision::{Brand, Mac, Site, Srtp};
use crate::switch::feature_code::FeatureCodes;

fn site() -> Site {
    office().site().expect("provisioning is on")
}

#[test]
fn each_brand_is_told_what_the_table_says() {
    let site = site();
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/tables/provisioning");
    for brand in Brand::ALL {
        let phone = phone(&site, brand);
        let mut texts = vec![(settings_name(brand, phone.mac), settings(&site, &phone))];
        if brand == Brand::Poly {
            let name = format!("{}.cfg", phone.mac.digits());
            let index = Brand::file(&site, &phone, &name, None).expect("the file that names the other");
            assert!(index.text.contains(&texts[0].0), "{}", index.text);
            texts.push((name, index.text));
        }
        for (name, text) in texts {
            let path = directory.join(brand.name()).join(name);
            if std::env::var_os("TRUNKLINE_BLESS").is_some() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &text).unwrap();
            }
            let wanted = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(text, wanted, "{} differs; look, then run with TRUNKLINE_BLESS=1", path.display());
        }
    }
}

/// Beside the table, which has no list: what is written then, and nothing else is.
#[test]
fn an_event_list_is_told_in_each_brands_words() {
    let (without, with) = (site(), office_with(true).site().expect("provisioning is on"));
    for (brand, expected) in [
        (
            Brand::Yealink,
            &[
                ("account.1.blf.blf_list_uri", "keys@pbx.example"),
                ("account.1.blf_list_code", "**"),
                ("linekey.8.type", "39"),
                ("linekey.8.line", "1"),
                ("linekey.9.type", "39"),
                ("linekey.9.line", "1"),
            ][..],
        ),
        (Brand::Poly, &[("settings@attendant.uri", "keys"), ("settings@attendant.reg", "1")]),
        (
            Brand::Snom,
            &[
                ("user_event_list_subscription@idx", "1"),
                ("user_event_list_subscription@perm", ""),
                ("user_event_list_subscription", "on"),
                ("user_event_list_uri@idx", "1"),
                ("user_event_list_uri@perm", ""),
                ("user_event_list_uri", "sip:keys@pbx.example"),
            ],
        ),
        (Brand::Grandstream, &[("P134", "keys"), ("P2389", "1")]),
        (
            Brand::Cisco,
            &[
                ("BLF_List_URI@ua", "na"),
                ("BLF_List_URI", "sip:keys@$PROXY"),
                ("Use_Line_Keys_For_BLF_List@ua", "na"),
                ("Use_Line_Keys_For_BLF_List", "Yes"),
            ],
        ),
        (Brand::Fanvil, &[]),
        (Brand::Gigaset, &[]),
    ] {
        let read = |site: &Site| values(brand, &settings(site, &phone(site, brand)));
        let before = read(&without);
        let added: Vec<_> = read(&with).into_iter().filter(|pair| !before.contains(pair)).collect();
        let added: Vec<_> = added.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(added, expected, "{}", brand.name());
    }
}

#[test]
fn the_accounts_are_those_of_the_lines() {
    let site = site();
    for brand in Brand::ALL {
        let phone = phone(&site, brand);
        let text = settings(&site, &phone);
        let values = values(brand, &text);
        let has = |wanted: &str| values.iter().filter(|(_, value)| value == wanted).count();
        for account in &phone.accounts {
            assert!(has(&account.user) >= 1, "{} {}: {text}", brand.name(), account.user);
            assert_eq!(has(&account.password.0), 1, "{} {}: {text}", brand.name(), account.user);
        }
        let port = phone.port.to_string();
        let is_server = |value: &str| value.contains("pbx.example");
        assert!(values.iter().any(|(_, value)| is_server(value)), "{text}");
        assert!(text.contains(&port), "{text}");
        if brand != Brand::Gigaset {
            assert!(values.iter().any(|(_, value)| value.contains("701")), "{text}");
        }
    }
}

/// A dial plan as the phones read it: `x` is a digit, `.` as often as may be, `T` what happens later.
fn admits(plan: &str) -> Regex {
    let (mut regex, mut inside) = (String::from("^(?:"), false);
    for letter in plan.chars() {
        inside = (inside || letter == '[') && letter != ']';
        match letter {
            'x' if inside => regex += "0-9",
            'x' => regex += "[0-9]",
            '.' => regex.push('*'),
            ' ' | 'T' => {}
            '|' => regex += "|",
            other => regex.push(other),
        }
    }
    Regex::new(&(regex + ")$")).expect("it was read")
}

fn value(brand: Brand, text: &str, key: &str) -> String {
    let found = values(brand, text).into_iter().find(|(name, _)| name == key);
    found.unwrap_or_else(|| panic!("{key} in {text}")).1
}

#[test]
fn whatever_is_a_code_or_a_number_passes_each_dial_plan() {
    let site = site();
    let plans = [
        (Brand::Cisco, "Dial_Plan_1_", "S:5,(", ")"),
        (Brand::Grandstream, "P290", "{", "}"),
        (Brand::Grandstream, "P459", "{", "}"),
        (Brand::Poly, "settings@dialplan.digitmap", "", ""),
    ];
    let codes = FeatureCodes::default();
    let behind = |code: &str| [code.to_owned(), format!("{code}1002")];
    let dialled: Vec<String> = codes.iter().flat_map(behind).collect();
    for (brand, key, before, after) in plans {
        let text = value(brand, &settings(&site, &phone(&site, brand)), key);
        let plan =
            text.strip_prefix(before).and_then(|plan| plan.strip_suffix(after)).expect("as it is read");
        let plan = admits(plan);
        for dialled in dialled.iter().map(String::as_str).chain(["1002", "112", "0301234", "#31#1002"]) {
            assert!(plan.is_match(dialled), "{} {text:?} {dialled}", brand.name());
        }
        assert!(!plan.is_match(""), "{} {text:?}", brand.name());
    }
}

#[test]
fn no_code_of_a_phone_of_its_own_stands_before_one_of_the_daemon() {
    let site = site();
    let told = |brand| settings(&site, &phone(&site, brand));
    for name in ["Call_Back_Act_Code", "Block_CID_Act_Code", "CW_Per_Call_Deact_Code", "DND_Act_Code"] {
        assert_eq!(value(Brand::Cisco, &told(Brand::Cisco), name), "");
    }
    let grandstream = told(Brand::Grandstream);
    assert_eq!(["P191", "P420"].map(|name| value(Brand::Grandstream, &grandstream, name)), ["0", "0"]);
    assert_eq!(value(Brand::Poly, &told(Brand::Poly), "settings@dialplan.impossibleMatchHandling"), "2");
}

/// What brands are told of a `#`, and of keys that are the line's.
fn pound_and_sync(site: &Site) -> Vec<(String, String)> {
    let keys: [(Brand, &[&str], &[&str]); 5] = [
        (Brand::Cisco, &[], &["Feature_Key_Sync_1_", "Feature_Key_Sync_2_"]),
        (Brand::Fanvil, &["Dial by Pound"], &["SIP1 Feature Sync", "SIP2 Feature Sync"]),
        (Brand::Grandstream, &["P72", "P492"], &["P2325", "P2425"]),
        (Brand::Poly, &[], &["settings@voIpProt.SIP.serverFeatureControl.dnd"]),
        (Brand::Yealink, &["features.key_as_send"], &["features.feature_key_sync.enable"]),
    ];
    let told = keys.into_iter().flat_map(|(brand, pound, sync)| {
        let text = settings(site, &phone(site, brand));
        let joined = |keys: &[&str]| keys.iter().map(|key| value(brand, &text, key)).collect::<String>();
        [(joined(pound), joined(sync))]
    });
    told.collect()
}

#[test]
fn a_pound_sign_sends_where_no_code_has_one() {
    let pounds = |site: &Site| pound_and_sync(site).into_iter().map(|told| told.0).collect::<String>();
    assert_eq!(pounds(&site()), "0000");
    assert_eq!(pounds(&Site { dials_pound: false, ..site() }), "1111");
    let codes = ["forward_off", "forward_busy_off", "forward_no_answer_off", "completion_cancel"];
    let none: String = codes.iter().map(|code| format!("{code} = \"\"\n")).collect();
    let text = format!("[provisioning]\nlisten = \"http:0.0.0.0:8090\"\n[features]\n{none}");
    assert!(!parse(&text).site().unwrap().dials_pound && site().dials_pound);
}

#[test]
fn keys_are_those_of_the_line_unless_the_configuration_says_no() {
    let syncs = |site: &Site| pound_and_sync(site).into_iter().map(|told| told.1).collect::<Vec<_>>();
    assert_eq!(syncs(&site()), ["YesYes", "11", "11", "1", "1"]);
    assert_eq!(syncs(&Site { feature_sync: false, ..site() }), ["NoNo", "00", "00", "0", "0"]);
    let text = "[provisioning]\nlisten = \"http:0.0.0.0:8090\"\nfeature_sync = false\n";
    assert!(!parse(text).site().unwrap().feature_sync && site().feature_sync);
}

#[test]
fn transport_and_srtp_are_told_in_each_brands_words() {
    let site = site();
    for brand in Brand::ALL {
        let mut seen = Vec::new();
        for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
            for srtp in Srtp::ALL {
                let phone = crate::provision::Phone { transport, srtp, ..phone(&site, brand) };
                let text = settings(&site, &phone);
                // Where both ends may, a phone of Cisco's does as its far end does.
                let is_same = brand == Brand::Cisco && srtp == Srtp::Optional;
                assert!(is_same || !seen.contains(&text), "{} {transport:?} {srtp:?}", brand.name());
                seen.push(text);
            }
        }
    }
}

#[test]
fn a_phone_is_given_the_files_that_it_asks_for_and_no_other() {
    let site = site();
    for brand in Brand::ALL {
        let phone = phone(&site, brand);
        let (lower, upper) = (phone.mac.digits(), phone.mac.digits().to_uppercase());
        let other = Mac::parse("0015650000ff").unwrap().digits();
        let asked: Vec<String> = match brand {
            Brand::Cisco => vec![format!("{lower}.xml"), "8851-3PCC.xml".to_owned()],
            Brand::Fanvil | Brand::Yealink => vec![format!("{lower}.cfg"), format!("{upper}.cfg")],
            Brand::Gigaset => vec![format!("{lower}.xml"), format!("{upper}.xml")],
            Brand::Grandstream => vec![format!("cfg{lower}.xml")],
            Brand::Poly => vec![format!("{lower}.cfg"), format!("{lower}-trunkline.cfg")],
            Brand::Snom => {
                vec![format!("snom{upper}.htm"), format!("snomD785-{upper}.htm"), format!("{upper}.htm")]
            }
        };
        for name in &asked {
            assert!(Brand::file(&site, &phone, name, None).is_some(), "{} {name}", brand.name());
            let foreign = name.to_lowercase().replace(&lower, &other);
            if foreign != name.to_lowercase() {
                assert!(Brand::file(&site, &phone, &foreign, None).is_none(), "{} {foreign}", brand.name());
            }
        }
        for name in
            ["", "y000000000028.cfg", "000000000000.cfg", ".cfg", ".xml", "cfg.xml.gz", "snom.htm", "a/b"]
        {
            assert!(Brand::file(&site, &phone, name, None).is_none(), "{} {name}", brand.name());
        }
    }
    let cisco = phone(&site, Brand::Cisco);
    let asked = |query: &str| Brand::file(&site, &cisco, "8851-3PCC.xml", Some(query)).is_some();
    assert!(asked(&format!("mac={}", cisco.mac)) && asked(&format!("a=b&mac={}", cisco.mac.digits())));
    assert!(!asked("mac=0015650000ff") && !asked("mac="));
}

#[test]
fn a_text_that_a_file_cannot_hold_is_known() {
    for brand in Brand::ALL {
        assert!(brand.can_hold("p&<w>\"o'r;d #=1 ü"), "{}", brand.name());
        for wrong in [" a", "a ", "a\u{0}b"] {
            assert!(!brand.can_hold(wrong), "{} {wrong:?}", brand.name());
        }
    }
    assert!(!Brand::Yealink.can_hold("%NULL%") && !Brand::Fanvil.can_hold("a\u{2028}b"));
}

/// A name that somebody chose: of anything.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[<>&\"';:=%$#@{}\\[\\]!\\\\/ \t\r\n]{0,24}",
        Just("]]></Password_1_><Password_1_>".to_owned()),
        Just("x\naccount.1.sip_server.1.address = evil.example".to_owned()),
        Just("\" reg.1.server.1.address=\"evil.example".to_owned()),
    ]
}

proptest! {
    /// Names and labels of any kind change no other value and add none; passwords that a file can hold are read as they are.
    #[test]
    fn no_value_leaves_its_place(name in text(), label in text(), password in text(), brand in 0..Brand::ALL.len()) {
        let site = site();
        let brand = Brand::ALL[brand];
        let plain = phone(&site, brand);
        let mut phone = plain.clone();
        phone.accounts[0].name = name;
        if let Some(key) = phone.keys.first_mut() {
            key.label = label;
        }
        let holds = brand.can_hold(&password);
        if holds {
            phone.accounts[0].password = Secret(password.as_str().into());
        }
        let (expected, read) = (values(brand, &settings(&site, &plain)), values(brand, &settings(&site, &phone)));
        prop_assert_eq!(expected.len(), read.len());
        let (was, label_was) = (&plain.accounts[0], plain.keys.first().map(|key| key.label.clone()));
        for ((key, expected), (same, read)) in expected.iter().zip(&read) {
            prop_assert_eq!(key, same);
            if *expected == *was.password.0 && holds {
                prop_assert_eq!(read, &password);
            } else if *expected != was.name && label_was.as_ref().is_none_or(|label| !expected.contains(&**label)) {
                prop_assert_eq!(read, expected, "{}", key);
            }
        }
    }
}

#[test]
fn the_readers_of_these_tests_read() {
    assert_eq!(pairs("a = b = c\n#x\n", " = "), [("a".to_owned(), "b = c".to_owned())]);
    let read = leaves("<a b=\"&lt;&#9;\"><c>x&amp;y</c></a>");
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(read, [pair("a@b", "<\t"), pair("c", "x&y"), pair("a", "")]);
}
