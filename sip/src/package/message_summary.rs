//! `application/simple-message-summary`: whether there are messages (RFC 3842).

/// The body. How many there are is not known here, and the standard does not ask for it.
pub(super) fn print(waiting: bool) -> String {
    format!("Messages-Waiting: {}\r\n", if waiting { "yes" } else { "no" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_yes_or_no() {
        assert_eq!(
            (print(true), print(false)),
            ("Messages-Waiting: yes\r\n".into(), "Messages-Waiting: no\r\n".into())
        );
    }
}
