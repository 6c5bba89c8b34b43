//! What phones are given, and who is.

mod fetch;
mod files;
mod http;

use std::path::Path;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

use super::{Brand, Mac, Phone, Site};
use crate::Config;

/// Two lines, and a phone of each brand that has them.
const OFFICE: &str = r##"
[sip]
listen = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5070"]
domains = ["pbx.example"]
[voicemail]
number = "*97"
[provisioning]
listen = "http:0.0.0.0:8090"
codecs = ["g722", "pcma", "pcmu"]
[[line]]
address = "1001"
name = "Reception & \"Desk\" <1>"
password = "p&<w>\"o'r;d #=1"
[[line]]
address = "1002"
name = "Workshop"
password = "another-password"
[[line]]
address = "1003"
kind = "local"
[[list]]
address = "keys"
entries = ["1003", "701"]
"##;

/// The row of each brand.
fn office() -> Config {
    office_with(false)
}

/// The same, with an event list where the brand knows such.
fn office_with(lists: bool) -> Config {
    let rows = Brand::ALL.into_iter().zip(1..).map(|(brand, number)| {
        let keys = match brand {
            Brand::Gigaset => "",
            Brand::Poly => r#"{kind = "blf", line = "1003"}, {kind = "park", slot = "701", label = "Slot; $1"}"#,
            Brand::Cisco | Brand::Fanvil | Brand::Grandstream | Brand::Snom | Brand::Yealink => {
                r#"{kind = "blf", line = "1003"}, {kind = "park", slot = "701", label = "Slot; $1"},
                   {kind = "dial", number = "0301234", label = "Taxi"}, {kind = "blf", line = "1002"},
                   {kind = "park", slot = "702"}"#
            }
        };
        let keys = if brand == Brand::Poly && lists { "" } else { keys };
        let list = if lists && brand.has_lists() { "blf_list = \"keys\"\n" } else { "" };
        let transport = if number % 2 == 0 { "transport = \"tcp\"\nsrtp = \"optional\"\n" } else { "" };
        format!(
            "[[phone]]\nmac = \"00:15:65:00:00:0{number}\"\nbrand = \"{}\"\nlines = [\"1001\", \"1002\"]\nkeys = [{keys}]\n{list}{transport}",
            brand.name()
        )
    });
    parse(&(OFFICE.to_owned() + &rows.collect::<String>()))
}

fn parse(text: &str) -> Config {
    Config::parse(Path::new("t.toml"), text).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn phone(site: &Site, brand: Brand) -> Phone {
    site.phones.values().find(|phone| phone.brand == brand).cloned().expect("a phone of each brand")
}

/// The file with the accounts, as a phone asks for it.
fn settings_name(brand: Brand, mac: Mac) -> String {
    let mac = mac.digits();
    match brand {
        Brand::Cisco | Brand::Gigaset => format!("{mac}.xml"),
        Brand::Fanvil | Brand::Yealink => format!("{mac}.cfg"),
        Brand::Grandstream => format!("cfg{mac}.xml"),
        Brand::Poly => format!("{mac}-trunkline.cfg"),
        Brand::Snom => format!("snom{}.htm", mac.to_uppercase()),
    }
}

fn settings(site: &Site, phone: &Phone) -> String {
    let name = settings_name(phone.brand, phone.mac);
    Brand::file(site, phone, &name, None).unwrap_or_else(|| panic!("{name}")).text
}

/// Keys and values of a file: of XML elements with their text and attributes, as a reader takes them.
fn values(brand: Brand, text: &str) -> Vec<(String, String)> {
    match brand {
        Brand::Yealink => pairs(text, " = "),
        Brand::Fanvil => pairs(text, " :"),
        Brand::Cisco | Brand::Gigaset | Brand::Grandstream | Brand::Poly | Brand::Snom => leaves(text),
    }
}

fn pairs(text: &str, between: &str) -> Vec<(String, String)> {
    let pair = |line: &str| line.split_once(between).map(|(key, value)| (key.to_owned(), value.to_owned()));
    text.split('\n').filter_map(pair).collect()
}

fn leaves(text: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(text);
    let (mut found, mut open, mut said) = (Vec::new(), Vec::new(), String::new());
    loop {
        let event = reader.read_event().expect("well-formed");
        match &event {
            Event::Start(element) | Event::Empty(element) => {
                let name = String::from_utf8(element.name().as_ref().to_vec()).unwrap();
                for attribute in element.attributes() {
                    let attribute = attribute.expect("well-formed");
                    let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                    found.push((
                        format!("{name}@{key}"),
                        attribute.normalized_value(XmlVersion::Explicit1_0).unwrap().into_owned(),
                    ));
                }
                if matches!(event, Event::Start(_)) {
                    open.push(name);
                    said.clear();
                }
            }
            Event::Text(text) => said += &text.decode().unwrap(),
            Event::GeneralRef(entity) => match entity.resolve_char_ref().unwrap() {
                Some(letter) => said.push(letter),
                None => {
                    said += resolve_predefined_entity(&entity.decode().unwrap()).expect("one that XML has")
                }
            },
            Event::End(_) => {
                found.push((open.pop().expect("it was opened"), std::mem::take(&mut said)));
            }
            Event::Eof => {
                assert!(open.is_empty(), "{text}");
                return found;
            }
            Event::CData(_) | Event::Comment(_) | Event::DocType(_) | Event::PI(_) => panic!("{event:?}"),
            Event::Decl(_) => {}
        }
    }
}
