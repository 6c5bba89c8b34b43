//! Events that go in one request.
//!
//! One request a webhook is under way at a time, so that events come in their order; one event a request would then be no more than one a
//! round trip. So a request takes all that came while the one before was under way: one event where there are few, which waits for no
//! other, and up to [`EVENTS_MAX`] where there are many.

/// An event as the event stream writes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    /// Its number.
    pub(super) seq: u64,
    /// All of it.
    pub(super) json: String,
}

/// What one request carries; the same when it is tried again.
#[derive(Debug)]
pub(super) struct Batch {
    first: u64,
    last: u64,
    events: usize,
    body: String,
}

impl Batch {
    /// Begins with this event of an application.
    pub(super) fn begin(app: &str, told: &Told) -> Self {
        let app = serde_json::Value::from(app);
        let body = format!("{{\"app\":{app},\"events\":[{}", told.json);
        Self { first: told.seq, last: told.seq, events: 1, body }
    }

    /// Whether it takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.events >= EVENTS_MAX || self.body.len() >= BODY_BYTES
    }

    /// Takes the next event.
    pub(super) fn push(&mut self, told: &Told) {
        self.body.push(',');
        self.body.push_str(&told.json);
        self.last = told.seq;
        self.events += 1;
    }

    /// How many events it has.
    pub(super) const fn events(&self) -> usize {
        self.events
    }

    /// The number of its last event.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// `webhook-id`: the same as often as it is tried, and of no other batch of this webhook.
    pub(super) fn id(&self) -> String {
        format!("msg_{}_{}", self.first, self.last)
    }

    /// The body: `{"app": …, "events": [ … ]}`.
    pub(super) fn body(&self) -> String {
        format!("{}]}}", self.body)
    }
}

/// Events of one request.
pub(super) const EVENTS_MAX: usize = 100;

/// A body of this length takes no further event.
const BODY_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(seq: u64, length: usize) -> Told {
        Told { seq, json: json!({"seq": seq, "type": "x".repeat(length)}).to_string() }
    }

    #[test]
    fn a_body_is_an_object_with_the_events_in_their_order() {
        let mut batch = Batch::begin("a \"crm\"", &told(7, 1));
        batch.push(&told(9, 1));
        let body: Value = serde_json::from_str(&batch.body()).unwrap();
        assert_eq!(
            body,
            json!({"app": "a \"crm\"", "events": [{"seq": 7, "type": "x"}, {"seq": 9, "type": "x"}]})
        );
        assert_eq!((&*batch.id(), batch.events(), batch.last()), ("msg_7_9", 2, 9));
    }

    #[test]
    fn a_batch_has_an_end() {
        let fill = |length| {
            let mut batch = Batch::begin("crm", &told(1, length));
            while !batch.is_full() {
                batch.push(&told(batch.last() + 1, length));
            }
            (batch.events(), batch.body().len())
        };
        assert_eq!(fill(1).0, EVENTS_MAX);
        let (events, bytes) = fill(4_096);
        assert!(events == 16 && bytes < 80 * 1024, "{events} {bytes}");
        assert_eq!(fill(BODY_BYTES).0, 1, "an event that is long goes alone");
    }
}
