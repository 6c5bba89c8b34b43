//! Phones that give up when they see a challenge of an algorithm that they do not know, though RFC 8760 §2.4 tells them
//! to take the next: such a phone is shown the one that it knows.

use super::Algorithm;

/// Beginnings of User-Agent values, of phones that know MD5 alone and fail on SHA-256 beside it.
const MD5_ALONE: [&str; 3] = ["baresip v0.", "baresip v1.", "baresip v2."];

/// The algorithms to challenge with: those of the line, cut down to what this phone can stand. An MD5 answer would be
/// taken from anybody where the line allows MD5, so that nobody gains by lying about the name.
pub(crate) fn algorithms_for<'a>(user_agent: Option<&str>, of_line: &'a [Algorithm]) -> &'a [Algorithm] {
    let is_old = user_agent.is_some_and(|name| MD5_ALONE.iter().any(|old| name.starts_with(old)));
    match of_line.iter().position(|algorithm| *algorithm == Algorithm::Md5) {
        Some(at) if is_old => &of_line[at..=at],
        Some(_) | None => of_line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

    #[test]
    fn an_old_phone_sees_the_algorithm_that_it_knows() {
        let old = Some("baresip v1.0.0 (x86_64/linux)");
        assert_eq!(algorithms_for(old, &BOTH), [Algorithm::Md5]);
        assert_eq!(algorithms_for(old, &[Algorithm::Sha256]), [Algorithm::Sha256]);
    }

    #[test]
    fn any_other_sees_all_in_the_order_of_the_line() {
        for name in [None, Some("baresip v3.10.0 (x86_64/Linux)"), Some("Linphonec/5.1"), Some("")] {
            assert_eq!(algorithms_for(name, &BOTH), BOTH);
        }
    }
}
