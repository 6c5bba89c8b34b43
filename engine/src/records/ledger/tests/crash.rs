//! Killed at any moment: the ledger's database and the switch's store are each behind, one more than the other, and each call has
//! one record.

use proptest::prelude::*;

use super::*;

/// What is seen of one conversation, step by step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    Begins,
    Talks,
    Ends,
}

const STEPS: [Step; 3] = [Step::Begins, Step::Talks, Step::Ends];

/// The calls of a conversation.
const fn sides(conversation: u64) -> (u64, u64) {
    (2 * conversation + 1, 2 * conversation + 2)
}

fn facts(conversation: u64, step: Step) -> [(u64, CallFactKind); 2] {
    let (one, two) = sides(conversation);
    match step {
        Step::Begins => {
            [(one, began("1001", "1002", Some(two), true)), (two, began("1002", "1002", Some(one), false))]
        }
        Step::Talks => [(one, talks(two, true)), (two, talks(one, false))],
        Step::Ends => [
            (one, over("1002", DisconnectMode::Normal, true)),
            (two, over("1002", DisconnectMode::Normal, false)),
        ],
    }
}

/// What the switch tells of a conversation that it takes back.
fn back(conversation: u64) -> [(u64, CallFactKind); 2] {
    let (one, two) = sides(conversation);
    let calls =
        [(one, begun("1001", "1002", Some(two), true)), (two, begun("1002", "1002", Some(one), false))];
    calls.map(|(id, mut call)| {
        call.standing.phase = CallPhase::Talking;
        (id, CallFactKind::Began(Box::new(call)))
    })
}

/// The steps of some conversations, each in its order.
fn day(order: &[u64], conversations: u64) -> Vec<(u64, Step)> {
    let mut next = vec![STEPS.iter(); usize::try_from(conversations).expect("a few")];
    let mut day = Vec::new();
    for one in order.iter().copied().chain((0..conversations).flat_map(|one| [one; 3])) {
        let one = one % conversations;
        if let Some(step) = next[usize::try_from(one).expect("a few")].next() {
            day.push((one, *step));
        }
    }
    day
}

proptest! {
    #[test]
    fn each_call_has_one_record(
        order in proptest::collection::vec(0_u64..6, 0..40),
        conversations in 1_u64..6,
        crash_at in 0_usize..20,
        (book_behind, store_behind) in (0_usize..3, 0_usize..3),
        crashes in 1_usize..4,
        is_figures_told: bool,
    ) {
        let day = day(&order, conversations);
        let crash_at = crash_at.min(day.len());
        let (told, known) = (crash_at.saturating_sub(book_behind), crash_at.saturating_sub(store_behind));
        let mut book = Book::new();
        for (conversation, step) in &day[..told] {
            book.take(facts(*conversation, *step));
            if is_figures_told && *step == Step::Ends {
                let (one, two) = sides(*conversation);
                book.take([(one, CallFactKind::Media(None)), (two, media(441))]);
            }
        }
        let is_up = |conversation: u64| {
            let steps: Vec<Step> =
                day[..known].iter().filter(|(one, _)| *one == conversation).map(|(_, step)| *step).collect();
            steps.last() == Some(&Step::Talks)
        };
        let up: Vec<u64> = (0..conversations).filter(|one| is_up(*one)).collect();
        // The store says the same each time: it has not been told of anything since.
        for _ in 0..crashes {
            book.crash();
            up.iter().for_each(|one| book.take(back(*one)));
            book.lost();
        }
        book.pass(1);
        up.iter().for_each(|one| book.take(facts(*one, Step::Ends)));
        book.pass(3);
        prop_assert!(book.kept.is_empty(), "{:?}", book.kept);
        for conversation in 0..conversations {
            let (one, _) = sides(conversation);
            let name = CallId(one).to_string();
            let records = book.records.iter().filter(|record| record.call == name).count();
            let is_known = up.contains(&conversation) || day[..told].contains(&(conversation, Step::Begins));
            prop_assert_eq!(records, usize::from(is_known), "{} of {:?}", name, book.said());
        }
    }
}
