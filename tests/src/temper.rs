//! Phones as they come: each with habits of its own.

use rand::Rng;
use rand::rngs::StdRng;
use trunkline::demo::{HoldForm, Script};

/// Gives a phone habits by chance; how likely it is that it answers by itself where it is asked to, and that it acknowledges.
pub fn temper(script: &mut Script, rng: &mut StdRng, [auto_answers, acknowledges]: [f64; 2]) {
    script.auto_answers = rng.random_bool(auto_answers);
    script.obeys_talk = rng.random_bool(0.7);
    script.early_media = rng.random_bool(0.2);
    script.late_offer = rng.random_bool(0.2);
    script.acknowledges = rng.random_bool(acknowledges);
    script.hold_form =
        [HoldForm::SendOnly, HoldForm::Inactive, HoldForm::Unspecified][rng.random_range(0..3)];
    script.resumes_without_offer = rng.random_bool(0.2);
    script.formats = [vec![0, 8, 101], vec![8, 0], vec![0], vec![8, 101]][rng.random_range(0..4)].clone();
    script.changes_by_update = rng.random_bool(0.1);
}
