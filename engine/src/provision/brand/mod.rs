//! What phones of each brand ask for, and in which words they are told.

mod cisco;
mod fanvil;
mod gigaset;
mod grandstream;
mod poly;
mod snom;
mod yealink;

use super::escape::{ends_a_line, is_xml};
use super::{File, Mac, Phone, Site};

/// Who made a phone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Brand {
    /// 68xx, 78xx, 88xx with multiplatform firmware.
    Cisco,
    /// X, V and H series.
    Fanvil,
    /// DECT bases N670, N870.
    Gigaset,
    /// GXP and GRP.
    Grandstream,
    /// Poly and Polycom: VVX, Edge E.
    Poly,
    /// D series.
    Snom,
    /// T series.
    Yealink,
}

impl Brand {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Cisco, Self::Fanvil, Self::Gigaset, Self::Grandstream, Self::Poly, Self::Snom, Self::Yealink];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cisco => "cisco",
            Self::Fanvil => "fanvil",
            Self::Gigaset => "gigaset",
            Self::Grandstream => "grandstream",
            Self::Poly => "poly",
            Self::Snom => "snom",
            Self::Yealink => "yealink",
        }
    }

    /// The lines that the largest phone of the brand registers.
    pub const fn accounts_max(self) -> usize {
        match self {
            Self::Grandstream => grandstream::ACCOUNTS_MAX,
            Self::Snom => 12,
            Self::Gigaset => 20,
            Self::Cisco | Self::Fanvil | Self::Poly | Self::Yealink => 16,
        }
    }

    /// The keys that a phone with so many lines can be given.
    pub const fn keys_max(self, accounts: usize) -> usize {
        match self {
            Self::Gigaset => 0,
            Self::Grandstream => grandstream::keys_max(accounts),
            Self::Cisco | Self::Fanvil | Self::Poly | Self::Snom | Self::Yealink => 120,
        }
    }

    /// Whether a key of the phone can dial a number without watching it. Those of Poly are entries of its directory.
    pub const fn has_dial_keys(self) -> bool {
        !matches!(self, Self::Poly)
    }

    /// Whether a phone can be told of an event list.
    pub const fn has_lists(self) -> bool {
        !matches!(self, Self::Fanvil | Self::Gigaset)
    }

    /// Whether it has both an event list and keys that are watched each by itself.
    pub const fn has_keys_beside_a_list(self) -> bool {
        !matches!(self, Self::Poly)
    }

    /// Whether a phone finds in its file exactly this text: a password cannot be bent as a name can.
    pub fn can_hold(self, text: &str) -> bool {
        match self {
            // Words of Yealink's that stand for nothing and for an empty text.
            Self::Yealink if matches!(text, "%NULL%" | "%EMPTY%") => false,
            Self::Yealink | Self::Fanvil => !text.chars().any(ends_a_line) && text.trim() == text,
            Self::Cisco | Self::Gigaset | Self::Grandstream | Self::Poly | Self::Snom => {
                text.chars().all(is_xml) && text.trim() == text
            }
        }
    }

    /// What is typed into the phone behind the place where its files are; the phone puts its own address into it.
    pub const fn asked(self) -> &'static str {
        match self {
            Self::Snom => "snom{mac}.htm",
            Self::Cisco => "$MA.xml",
            Self::Fanvil => "$mac.cfg",
            Self::Gigaset | Self::Grandstream | Self::Poly | Self::Yealink => "",
        }
    }

    /// The file of this name for a phone; `None`: it is not one of its own.
    pub(super) fn file(site: &Site, phone: &Phone, name: &str, query: Option<&str>) -> Option<File> {
        let name = name.to_ascii_lowercase();
        let mac = phone.mac.digits();
        let own = |before: &str, after: &str| name == format!("{before}{mac}{after}");
        let (is_own, media_type, write): (bool, _, fn(&Site, &Phone) -> String) = match phone.brand {
            Self::Cisco => (own("", ".xml") || is_of_model(&name, query, phone.mac), XML, cisco::write),
            Self::Fanvil => (own("", ".cfg"), TEXT, fanvil::write),
            Self::Gigaset => (own("", ".xml"), XML, gigaset::write),
            Self::Grandstream => (own("cfg", ".xml"), XML, grandstream::write),
            Self::Poly if own("", ".cfg") => (true, XML, poly::write_index),
            Self::Poly => (own("", poly::SETTINGS), XML, poly::write),
            Self::Snom => (is_snoms(&name, &mac), XML, snom::write),
            Self::Yealink => (own("", ".cfg"), TEXT, yealink::write),
        };
        is_own.then(|| File { media_type, text: write(site, phone) })
    }
}

/// `snomMAC.htm`, `snomD785-MAC.htm`, `MAC.htm`, and the same with `.xml`.
fn is_snoms(name: &str, mac: &str) -> bool {
    let stem = name.strip_suffix(".htm").or_else(|| name.strip_suffix(".xml"));
    let Some(model) = stem.and_then(|stem| stem.strip_suffix(mac)) else { return false };
    matches!(model, "" | "snom" | "snom-")
        || model
            .strip_prefix("snom")
            .and_then(|model| model.strip_suffix('-'))
            .is_some_and(|model| model.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// `PSN.xml` of Cisco, where PSN is the model, with the address behind it where it says one: `8851-3PCC.xml?mac=MAC`.
fn is_of_model(name: &str, query: Option<&str>, mac: Mac) -> bool {
    let Some(model) = name.strip_suffix(".xml") else { return false };
    let is_model = (1..=MODEL_BYTES_MAX).contains(&model.len())
        && model.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && Mac::parse(model).is_none();
    let said =
        query.into_iter().flat_map(|query| query.split('&')).find_map(|pair| pair.strip_prefix("mac="));
    is_model && said.is_none_or(|said| Mac::parse(said) == Some(mac))
}

/// The longest name of a model.
const MODEL_BYTES_MAX: usize = 32;

const TEXT: &str = "text/plain; charset=utf-8";
const XML: &str = "text/xml; charset=utf-8";

/// How often a phone registers anew.
const REGISTER_EVERY_S: u32 = 3_600;
