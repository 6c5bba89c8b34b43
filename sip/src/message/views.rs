//! Where the values are that every message is asked for again and again: found once, by the scan.

use std::ops::Range;

use super::{CSeq, HeaderName, Message, Method, NameAddr, Via};

/// A piece of the header section.
type Span = Range<u32>;

/// From, To, the topmost Via and CSeq. `None` where one is absent or cannot be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Views {
    from: Option<PartyView>,
    to: Option<PartyView>,
    via: Option<ViaView>,
    cseq: Option<CSeqView>,
}

#[derive(Clone, Debug)]
struct PartyView {
    display: Span,
    uri: Span,
    params: Span,
    tag: Span,
}

#[derive(Clone, Debug)]
struct ViaView {
    transport: Span,
    host: Span,
    params: Span,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
struct CSeqView {
    number: u32,
    method: Method,
    method_text: Span,
}

impl Views {
    /// Reads the values of a message whose lines are known.
    pub(super) fn of(message: &Message) -> Self {
        Self {
            from: PartyView::of(message, HeaderName::From),
            to: PartyView::of(message, HeaderName::To),
            via: ViaView::of(message),
            cseq: CSeqView::of(message),
        }
    }

    pub(super) fn from<'a>(&self, message: &'a Message) -> Option<NameAddr<'a>> {
        self.from.as_ref().map(|from| from.read(message))
    }

    pub(super) fn to<'a>(&self, message: &'a Message) -> Option<NameAddr<'a>> {
        self.to.as_ref().map(|to| to.read(message))
    }

    pub(super) fn tag_of_from<'a>(&self, message: &'a Message) -> &'a str {
        self.from.as_ref().map_or("", |from| text(message, &from.tag))
    }

    pub(super) fn tag_of_to<'a>(&self, message: &'a Message) -> &'a str {
        self.to.as_ref().map_or("", |to| text(message, &to.tag))
    }

    pub(super) fn via<'a>(&self, message: &'a Message) -> Option<Via<'a>> {
        let ViaView { transport, host, params, port } = self.via.as_ref()?;
        Some(Via {
            transport: text(message, transport),
            host: text(message, host),
            port: *port,
            params: text(message, params),
        })
    }

    pub(super) fn cseq<'a>(&self, message: &'a Message) -> Option<CSeq<'a>> {
        let CSeqView { number, method, method_text } = self.cseq.as_ref()?;
        let method_text = if *method == Method::Other { text(message, method_text) } else { method.name() };
        Some(CSeq { number: *number, method: *method, method_text })
    }
}

impl PartyView {
    fn of(message: &Message, name: HeaderName) -> Option<Self> {
        let line = message.line(name)?.value_range();
        let whole = message.repaired(line.clone());
        let party = NameAddr::parse(whole)?;
        let span = |piece| span(line.start, whole, piece);
        let (display, uri) = (span(party.display), span(party.uri));
        Some(Self { display, uri, params: span(party.params), tag: span(party.tag()) })
    }

    fn read<'a>(&self, message: &'a Message) -> NameAddr<'a> {
        let Self { display, uri, params, tag: _ } = self;
        NameAddr { display: text(message, display), uri: text(message, uri), params: text(message, params) }
    }
}

impl ViaView {
    fn of(message: &Message) -> Option<Self> {
        // The first value stands in the first line that has one.
        let found = message.lines_of(HeaderName::Via).find_map(|line| {
            let whole = std::str::from_utf8(message.text(line.value_range())).ok()?;
            Some((line.value_range().start, whole, super::list::values(whole).next()?))
        });
        let (start, whole, value) = found?;
        let via = Via::parse(value)?;
        let span = |piece| span(start, whole, piece);
        Some(Self {
            transport: span(via.transport),
            host: span(via.host),
            params: span(via.params),
            port: via.port,
        })
    }
}

impl CSeqView {
    fn of(message: &Message) -> Option<Self> {
        let line = message.line(HeaderName::CSeq)?.value_range();
        let whole = std::str::from_utf8(message.text(line.clone())).ok()?;
        let CSeq { number, method, method_text } = CSeq::parse(whole)?;
        Some(Self { number, method, method_text: span(line.start, whole, method_text) })
    }
}

/// Where a piece of a value is in the message; nowhere if it is empty.
fn span(start: usize, whole: &str, piece: &str) -> Span {
    if piece.is_empty() {
        return 0..0;
    }
    let at = start + (piece.as_ptr() as usize - whole.as_ptr() as usize);
    let narrow = |at: usize| u32::try_from(at).expect("scan refuses messages whose offsets do not fit");
    narrow(at)..narrow(at + piece.len())
}

fn text<'a>(message: &'a Message, span: &Span) -> &'a str {
    if span.is_empty() { "" } else { message.repaired(span.start as usize..span.end as usize) }
}
