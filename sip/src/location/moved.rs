//! Where phones spoke from before they were registered from elsewhere.
//!
//! A translator that lost what it knew gives a phone another port with its next REGISTER. Dialogs of that phone still lead to the old
//! one, and the phone says nothing in them that would lead them to the new one: so whoever sends there asks here.

use std::sync::Arc;

use super::{Binding, Location};
use crate::message::Uri;
use crate::transport::Flow;

/// Places that are remembered of a line; the one that was left first is forgotten for another.
pub(crate) const MOVED_MAX: usize = 4;

/// Where the contacts of a line spoke from before, by UDP. Streams end with their connection.
#[derive(Default, Debug)]
pub(super) struct Moves(Vec<Moved>);

#[derive(Debug)]
struct Moved {
    key: Arc<str>,
    from: Flow,
}

impl Moves {
    /// One binding takes the place of another.
    pub(super) fn note(&mut self, replaced: &Binding, binding: &Binding) {
        let is_datagram = |flow: Flow| !flow.transport.is_reliable();
        if replaced.flow == binding.flow || !is_datagram(replaced.flow) || !is_datagram(binding.flow) {
            return;
        }
        self.0.retain(|moved| moved.from != binding.flow && moved.from != replaced.flow);
        if self.0.len() >= MOVED_MAX {
            self.0.remove(0);
        }
        self.0.push(Moved { key: Arc::clone(&binding.key), from: replaced.flow });
    }

    /// A binding is gone.
    pub(super) fn forget(&mut self, key: &str) {
        self.0.retain(|moved| *moved.key != *key);
    }
}

impl Location {
    /// Where this contact of the line is registered, which was registered from here before.
    pub(crate) fn moved(&self, line: &str, from: Flow, contact: &Uri<'_>) -> Option<Flow> {
        let line = self.lines.get(line)?;
        let moved = line.moved.0.iter().find(|moved| moved.from == from)?;
        let binding = line.bindings.iter().find(|binding| binding.key == moved.key)?;
        let is_it = Uri::parse(&binding.contact).is_some_and(|known| known.equals(contact));
        (is_it && binding.path.is_empty()).then_some(binding.flow)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::location::LocationLimits;
    use crate::outbox::Outbox;
    use crate::testing;
    use crate::transport::Transport;

    const CONTACT: &str = "sip:1001@192.168.1.10:5060";

    struct Office {
        location: Location,
        out: Outbox,
    }

    impl Office {
        fn new() -> Self {
            Self {
                location: Location::new(testing::start(), LocationLimits::DEFAULT),
                out: Outbox::default(),
            }
        }

        /// The phone with this contact registers from this port of the translator.
        fn registers(&mut self, contact: &str, port: u16, change: impl FnOnce(&mut Binding)) -> Flow {
            let mut binding = testing::binding(contact);
            binding.flow.remote = ([203, 0, 113, 1], port).into();
            binding.expires = testing::start() + Duration::from_secs(600);
            change(&mut binding);
            let flow = binding.flow;
            self.location.put(testing::start(), &"1001".into(), binding, &mut self.out).unwrap();
            flow
        }

        fn moved(&self, line: &str, from: Flow, contact: &str) -> Option<u16> {
            let moved = self.location.moved(line, from, &Uri::parse(contact).unwrap());
            moved.map(|flow| flow.remote.port())
        }
    }

    #[test]
    fn a_contact_is_found_where_it_is_registered_now_from_each_place_where_it_was() {
        let mut office = Office::new();
        let first = office.registers(CONTACT, 40_001, |_| {});
        assert_eq!(office.moved("1001", first, CONTACT), None, "it is there");
        let second = office.registers(CONTACT, 40_002, |_| {});
        office.registers(CONTACT, 40_003, |_| {});
        office.registers(CONTACT, 40_003, |_| {});
        assert_eq!([first, second].map(|from| office.moved("1001", from, CONTACT)), [Some(40_003); 2]);
        assert_eq!(office.moved("1002", first, CONTACT), None, "of another line");
        assert_eq!(
            office.moved("1001", first, "sip:1001@192.168.1.11:5060"),
            None,
            "another phone of the line"
        );
        office.registers(CONTACT, 40_001, |_| {});
        assert_eq!(office.moved("1001", first, CONTACT), None, "it is back");
        assert_eq!(office.moved("1001", second, CONTACT), Some(40_001));
        office.location.remove("1001", CONTACT, &mut office.out);
        assert_eq!(office.moved("1001", second, CONTACT), None, "nobody is there");
    }

    #[test]
    fn of_many_places_the_last_are_remembered() {
        let mut office = Office::new();
        let places: Vec<Flow> =
            (0..10).map(|place| office.registers(CONTACT, 40_000 + place, |_| {})).collect();
        let found =
            places.iter().filter(|from| office.moved("1001", **from, CONTACT) == Some(40_009)).count();
        assert_eq!(found, MOVED_MAX);
        assert_eq!(office.moved("1001", places[8], CONTACT), Some(40_009));
    }

    #[test]
    fn streams_and_proxies_are_left_alone() {
        let mut office = Office::new();
        let stream = office.registers(CONTACT, 40_001, |binding| binding.flow.transport = Transport::Tcp);
        let first = office.registers(CONTACT, 40_002, |_| {});
        assert_eq!(office.moved("1001", stream, CONTACT), None);
        office
            .registers(CONTACT, 40_003, |binding| binding.path = Box::new(["<sip:edge.example;lr>".into()]));
        assert_eq!(office.moved("1001", first, CONTACT), None);
    }
}
