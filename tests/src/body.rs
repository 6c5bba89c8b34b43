//! Judges what subscribers are told, by its type.

use crate::{conference_info, dialog_info, event_list, pidf, reginfo, xpidf};

/// Says what is wrong with the body of a NOTIFY, if anything is. What has another type than those that are judged is taken.
///
/// # Errors
/// The first fault.
pub fn judge(content_type: &str, body: &str) -> Result<(), String> {
    match content_type.split(';').next().unwrap_or_default() {
        "application/conference-info+xml" => conference_info::judge(body).map(drop),
        "application/dialog-info+xml" => dialog_info::judge(body),
        "application/pidf+xml" => pidf::judge(body),
        "application/reginfo+xml" => reginfo::judge(body).map(drop),
        "application/xpidf+xml" => xpidf::judge(body).map(drop),
        "multipart/related" => event_list::judge(content_type, body).map(drop),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n";
    const PIDF: &str = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" \
         entity=\"sip:a@b\"><tuple id=\"line\"><status><basic>open</basic></status><contact>sip:a@b</contact>\
         <note>Hi</note></tuple><dm:person id=\"person\"><rpid:activities><rpid:busy/></rpid:activities></dm:person></presence>";
    const CONFERENCE: &str = "<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"sip:c@b\" \
         state=\"full\" version=\"0\"><conference-state><user-count>1</user-count><active>true</active></conference-state>\
         <users state=\"full\"><user entity=\"sip:a@b\" state=\"full\"><display-text>A</display-text>\
         <endpoint entity=\"sip:a@b\"><status>connected</status></endpoint></user></users></conference-info>";
    const XPIDF: &str = "<!DOCTYPE presence PUBLIC \"-//IETF//DTD RFCxxxx XPIDF 1.0//EN\" \"xpidf.dtd\"><presence>\
         <presentity uri=\"sip:a@b;method=SUBSCRIBE\"/><atom atomid=\"x\" id=\"x\"><address uri=\"sip:a@b\" priority=\"0.8\">\
         <status status=\"inuse\"/><msnsubstatus substatus=\"onthephone\"/></address></atom></presence>";

    #[test]
    fn what_the_schemas_do_not_have_is_found() {
        for (kind, body, faults) in [
            (
                "application/pidf+xml",
                PIDF,
                &[
                    ("id=\"line\"", "id=\"1\""),
                    (">open<", ">busy<"),
                    ("<note>Hi</note></tuple>", "</tuple><note>Hi</note>"),
                    (
                        "<contact>sip:a@b</contact><note>Hi</note>",
                        "<note>Hi</note><contact>sip:a@b</contact>",
                    ),
                    ("rpid:busy", "rpid:dancing"),
                    ("<rpid:busy/>", ""),
                    ("ns:pidf:rpid", "ns:pidf:other"),
                    ("Hi<", "&nbsp;<"),
                ][..],
            ),
            (
                "application/conference-info+xml",
                CONFERENCE,
                &[
                    ("version=\"0\"", "version=\"-1\""),
                    (">1<", ">0<"),
                    (">connected<", ">there<"),
                    ("<users state=\"full\">", "<users>"),
                    ("<display-text>A</display-text>", ""),
                    ("state=\"full\" version", "state=\"deleted\" version"),
                    ("sip:c@b", "c@b"),
                ],
            ),
            (
                "application/xpidf+xml",
                XPIDF,
                &[
                    ("\"inuse\"", "\"in use\""),
                    ("\"onthephone\"", "\"offline\""),
                    ("atomid=\"x\"", "atomid=\"y\""),
                    ("sip:a@b;method", "sip:b@b;method"),
                    ("0.8", "8"),
                    ("xpidf.dtd", "other.dtd"),
                ],
            ),
        ] {
            let whole = |body: &str| judge(&format!("{kind};charset=UTF-8"), &format!("{HEAD}{body}"));
            assert_eq!(whole(body), Ok(()));
            for (good, bad) in faults {
                let wrong = body.replacen(good, bad, 1);
                assert!(wrong != body && whole(&wrong).is_err(), "{kind}: {bad} for {good}");
            }
        }
    }
}
