//! `POST /v1/lines/{line}/translate-address`: its argument and its answer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::switch::{LineError, Operation};
use crate::translate::{TranslateOptions, Translation};

/// The argument of `translate-address`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TranslateAddress {
    /// Canonical, as in `+1 (425) 555-0100`, or dialable. Of several, parted by CRLF, the first.
    #[schema(example = "+1 (425) 555-0100")]
    address: String,
    /// The calling card; heeded with `cardoverride`.
    #[schema(example = 1)]
    #[serde(default)]
    card: Option<u32>,
    /// LINETRANSLATEOPTION_: `cardoverride`, `cancelcallwaiting`, `forcelocal`, `forceld`.
    #[schema(example = json!(["forcelocal"]))]
    #[serde(default)]
    options: Vec<String>,
}

impl TranslateAddress {
    /// The operation on this line.
    pub(super) fn on(self, line: Arc<str>) -> Result<Operation, LineError> {
        let options = self.options.iter().try_fold(TranslateOptions::NONE, |options, name| {
            TranslateOptions::from_name(name).map(|option| options | option)
        })?;
        Ok(Operation::TranslateAddress {
            line,
            address: self.address,
            card: self.card,
            options: options.bits(),
        })
    }
}

/// What a translation found (LINETRANSLATEOUTPUT).
#[derive(Serialize, ToSchema)]
pub(super) struct Translated {
    /// What to dial. It may hold the number of a calling card: do not show it, do not log it.
    #[schema(example = "T0014255550100")]
    dialable: String,
    /// What may be shown and logged.
    #[schema(example = "T001425555-0100")]
    displayable: String,
    /// The country code of the line's location; 0: the line has none.
    #[schema(example = 49)]
    current_country: u32,
    /// The country code of the destination; 0: the address was not canonical.
    #[schema(example = 1)]
    dest_country: u32,
    /// LINETRANSLATERESULT_, in the order of their values.
    #[schema(example = json!(["canonical", "international"]))]
    results: Vec<&'static str>,
}

impl From<Translation> for Translated {
    fn from(translation: Translation) -> Self {
        Self {
            dialable: translation.dialable,
            displayable: translation.displayable,
            current_country: translation.current_country,
            dest_country: translation.dest_country,
            results: translation.results.names().collect(),
        }
    }
}

/// The operation's name in the path.
pub(super) const TRANSLATE_ADDRESS: &str = "translate-address";
