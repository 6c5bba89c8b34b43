//! Where a dialled address leads.

use std::sync::Arc;

use trunkline_sip::admission::EMERGENCY_NUMBERS;

use super::line::Lines;
use super::setup::{LineKind, RouteFrom, RouteSetup, RouteTo, TrunkChoice};

/// A dialled address that is longer leads nowhere.
pub(super) const DIALLED_BYTES_MAX: usize = 128;

/// Where the call comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source<'a> {
    /// A line of the engine.
    Line,
    /// This trunk.
    Trunk(&'a str),
}

/// Where it goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Destination {
    /// To this line.
    Line(Arc<str>),
    /// To the lines of this ring group.
    Group(Arc<str>),
    /// To the phones of this page group, which are spoken to.
    Page(Arc<str>),
    /// Out by this trunk, to this number; where a route has several, by the first of them.
    Trunk(Arc<str>, String),
}

/// The first route that fits; else the line, ring group or page group of this address; else 404.
pub(super) fn resolve(
    routes: &[RouteSetup],
    lines: &Lines,
    source: Source<'_>,
    dialled: &str,
) -> Result<Destination, u16> {
    const NOT_FOUND: u16 = 404;
    if dialled.len() > DIALLED_BYTES_MAX {
        return Err(NOT_FOUND);
    }
    let station = |address: &str| {
        let line = lines.get(address).filter(|line| line.kind != LineKind::Trunk);
        let line = line.map(|line| Destination::Line(Arc::clone(&line.address)));
        let group = || lines.group(address).map(|group| Destination::Group(Arc::clone(&group.address)));
        let page = || lines.page(address).map(|page| Destination::Page(Arc::clone(&page.address)));
        line.or_else(group).or_else(page).ok_or(NOT_FOUND)
    };
    let found = routes.iter().filter(|route| is_from(&route.from, source)).find_map(|route| {
        let Some(number) = &route.number else {
            return route.pattern.is_match(dialled).then(|| (route, dialled.to_owned()));
        };
        let mut expanded = String::new();
        route.pattern.captures(dialled)?.expand(number, &mut expanded);
        Some((route, expanded))
    });
    let Some((route, number)) = found else { return station(dialled) };
    match &route.to {
        RouteTo::Line => station(&number),
        RouteTo::Trunk(name) => Ok(Destination::Trunk(Arc::clone(name), number)),
        RouteTo::Trunks(choice) => {
            let (first, _) = choice.tiers.iter().flatten().next().ok_or(NOT_FOUND)?;
            Ok(Destination::Trunk(Arc::clone(first), number))
        }
        RouteTo::Reject(status) => Err(*status),
    }
}

/// Whether the first route that fits is one for calls for help.
pub(super) fn is_for_help(routes: &[RouteSetup], source: Source<'_>, dialled: &str) -> bool {
    first_fit(routes, source, dialled).is_some_and(|route| route.is_emergency)
}

/// The number that stands for a service that was called (RFC 5031): of `sos`, or a part of it that no route and no line is, the first
/// emergency number that a route for calls for help takes.
pub(super) fn help_number(
    routes: &[RouteSetup],
    lines: &Lines,
    source: Source<'_>,
    dialled: &str,
) -> Option<&'static str> {
    let is_sos = dialled == "sos" || dialled.starts_with("sos.");
    if !is_sos || first_fit(routes, source, dialled).is_some() || lines.get(dialled).is_some() {
        return None;
    }
    EMERGENCY_NUMBERS.into_iter().find(|number| is_for_help(routes, source, number))
}

/// The trunks of a route, where it has several.
pub(super) const fn choice(route: &RouteSetup) -> Option<&Arc<TrunkChoice>> {
    match &route.to {
        RouteTo::Trunks(choice) => Some(choice),
        RouteTo::Line | RouteTo::Trunk(_) | RouteTo::Reject(_) => None,
    }
}

/// The first route that fits.
pub(super) fn first_fit<'r>(
    routes: &'r [RouteSetup],
    source: Source<'_>,
    dialled: &str,
) -> Option<&'r RouteSetup> {
    let fits = |route: &&RouteSetup| is_from(&route.from, source) && route.pattern.is_match(dialled);
    routes.iter().find(fits).filter(|_| dialled.len() <= DIALLED_BYTES_MAX)
}

fn is_from(from: &RouteFrom, source: Source<'_>) -> bool {
    match (from, source) {
        (RouteFrom::Any, _) | (RouteFrom::Line, Source::Line) => true,
        (RouteFrom::Trunk(name), Source::Trunk(trunk)) => **name == *trunk,
        (RouteFrom::Line, Source::Trunk(_)) | (RouteFrom::Trunk(_), Source::Line) => false,
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::switch::rig;

    fn route(from: RouteFrom, pattern: &str, to: RouteTo, number: Option<&str>) -> RouteSetup {
        RouteSetup {
            from,
            pattern: Regex::new(pattern).unwrap(),
            to,
            number: number.map(str::to_owned),
            is_emergency: false,
        }
    }

    fn lines() -> Lines {
        Lines::new(&rig::setup())
    }

    #[test]
    fn a_call_for_help_is_known_by_the_first_route_that_fits() {
        let help = RouteSetup {
            is_emergency: true,
            ..route(RouteFrom::Line, "^0?112$", RouteTo::Trunk("carrier".into()), Some("112"))
        };
        let all = route(RouteFrom::Any, ".*", RouteTo::Reject(403), None);
        let routes = [help.clone(), all.clone()];
        assert!(is_for_help(&routes, Source::Line, "112") && is_for_help(&routes, Source::Line, "0112"));
        assert!(!is_for_help(&routes, Source::Line, "1120"));
        assert!(!is_for_help(&routes, Source::Trunk("carrier"), "112"), "not from there");
        assert!(!is_for_help(&[all, help], Source::Line, "112"), "another fits first");
    }

    #[test]
    fn a_service_is_the_emergency_number_that_a_route_takes() {
        let help = |pattern: &str| RouteSetup {
            is_emergency: true,
            ..route(RouteFrom::Line, pattern, RouteTo::Trunk("carrier".into()), None)
        };
        let plain = route(RouteFrom::Line, "^112$", RouteTo::Trunk("carrier".into()), None);
        let number = |routes: &[RouteSetup], source, dialled| help_number(routes, &lines(), source, dialled);
        let routes = [plain.clone(), help("^(911|110)$")];
        assert_eq!(number(&routes, Source::Line, "sos"), Some("911"), "the other one is for everything");
        assert_eq!(number(&routes, Source::Line, "sos.police"), Some("911"));
        assert_eq!(number(&routes, Source::Trunk("carrier"), "sos"), None, "not from there");
        assert_eq!(number(&routes, Source::Line, "sosx"), None);
        assert_eq!(number(&[plain], Source::Line, "sos"), None);
        let of_police = [help("^sos[.]police$"), help("^112$")];
        assert_eq!(number(&of_police, Source::Line, "sos.police"), None, "it has a route of its own");
        assert_eq!(number(&of_police, Source::Line, "sos.fire"), Some("112"));
    }

    #[test]
    fn groups_go_into_the_number() {
        let routes = [route(RouteFrom::Line, r"^0(\d+)$", RouteTo::Trunk("carrier".into()), Some("+49$1"))];
        let found = resolve(&routes, &lines(), Source::Line, "030123");
        assert_eq!(found, Ok(Destination::Trunk("carrier".into(), "+4930123".into())));
    }

    #[test]
    fn a_route_with_several_trunks_leads_to_the_first_and_names_them_all() {
        let tier = |name: &str| vec![(Arc::from(name), 1)];
        let several = Arc::new(TrunkChoice { tiers: vec![tier("carrier"), tier("other")] });
        let routes = [
            route(RouteFrom::Line, "^01$", RouteTo::Trunk("carrier".into()), None),
            route(RouteFrom::Line, "^0", RouteTo::Trunks(Arc::clone(&several)), None),
        ];
        let found = resolve(&routes, &lines(), Source::Line, "02");
        assert_eq!(found, Ok(Destination::Trunk("carrier".into(), "02".into())));
        let all = |dialled| first_fit(&routes, Source::Line, dialled).and_then(choice);
        assert_eq!(all("02"), Some(&several));
        assert_eq!(all("01"), None, "another fits first");
    }

    #[test]
    fn the_first_route_that_fits_wins() {
        let routes = [
            route(RouteFrom::Any, "^0190", RouteTo::Reject(403), None),
            route(RouteFrom::Any, "^0", RouteTo::Trunk("carrier".into()), None),
        ];
        assert_eq!(resolve(&routes, &lines(), Source::Line, "01901"), Err(403));
    }

    #[test]
    fn a_route_of_lines_is_not_for_trunks() {
        let routes = [route(RouteFrom::Line, "", RouteTo::Reject(403), None)];
        let found = resolve(&routes, &lines(), Source::Trunk("carrier"), "1001");
        assert_eq!(found, Ok(Destination::Line("1001".into())));
    }

    #[test]
    fn what_is_no_line_is_not_found_and_a_trunk_is_no_destination() {
        assert_eq!(resolve(&[], &lines(), Source::Line, "9"), Err(404));
        assert_eq!(resolve(&[], &lines(), Source::Line, "carrier"), Err(404));
        assert_eq!(resolve(&[], &lines(), Source::Line, &"1".repeat(DIALLED_BYTES_MAX + 1)), Err(404));
    }
}
