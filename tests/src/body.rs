//! Judges what subscribers are told, by its type.

use crate::{dialog_info, event_list, reginfo, xpidf};

/// Says what is wrong with the body of a NOTIFY, if anything is. What has another type than those that are judged is taken.
///
/// # Errors
/// The first fault.
pub fn judge(content_type: &str, body: &str) -> Result<(), String> {
    match content_type.split(';').next().unwrap_or_default() {
        "application/dialog-info+xml" => dialog_info::judge(body),
        "application/reginfo+xml" => reginfo::judge(body).map(drop),
        "application/xpidf+xml" => xpidf::judge(body).map(drop),
        "multipart/related" => event_list::judge(content_type, body).map(drop),
        _ => Ok(()),
    }
}
