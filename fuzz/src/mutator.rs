//! Random edits of known inputs, reproducible from a seed.

use std::path::Path;

/// Inputs made by editing a corpus.
#[derive(Debug)]
pub struct Mutator {
    corpus: Vec<Vec<u8>>,
    state: u64,
}

impl Mutator {
    /// Edits these inputs. The same seed gives the same sequence.
    pub fn new(corpus: Vec<Vec<u8>>, seed: u64) -> Self {
        assert!(!corpus.is_empty(), "there is something to edit");
        Self { corpus, state: seed }
    }

    /// Edits every file of these folders.
    ///
    /// # Panics
    /// If a folder cannot be read.
    pub fn of_folders(folders: &[&Path], seed: u64) -> Self {
        let mut paths: Vec<_> = folders
            .iter()
            .flat_map(|folder| std::fs::read_dir(folder).expect("the corpus is part of the repository"))
            .map(|entry| entry.expect("the corpus can be listed").path())
            .collect();
        paths.sort();
        let read = |path| std::fs::read(path).expect("the corpus can be read");
        Self::new(paths.into_iter().map(read).collect(), seed)
    }

    /// The next input: one of the corpus with one to eight edits.
    pub fn input(&mut self) -> Vec<u8> {
        let index = self.below(self.corpus.len());
        let mut input = self.corpus[index].clone();
        for _ in 0..=self.below(8) {
            self.edit(&mut input);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    /// Checks so many inputs. One that breaks a rule is shown, and may go into the seeds.
    ///
    /// # Panics
    /// As `check` does.
    pub fn run(&mut self, inputs: usize, check: fn(&[u8])) {
        for number in 0..inputs {
            let checked = Checked { number, input: self.input() };
            check(&checked.input);
        }
    }

    fn edit(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(40)).min(input.len());
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.random().to_le_bytes()[0],
            2 if at < input.len() => input[at] = ODD_OCTETS[self.below(ODD_OCTETS.len())],
            3 => input.insert(at, ODD_OCTETS[self.below(ODD_OCTETS.len())]),
            4 => drop(input.drain(at..end)),
            5 => drop(input.splice(at..at, ODD_TEXTS[self.below(ODD_TEXTS.len())].bytes())),
            6 => drop(input.splice(at..end, ODD_TEXTS[self.below(ODD_TEXTS.len())].bytes())),
            7 => {
                let times_max = if self.below(50) == 0 { 2_000 } else { 4 };
                let piece = input[at..end].repeat(1 + self.below(times_max));
                input.splice(at..at, piece);
            }
            _ => {
                let index = self.below(self.corpus.len());
                let from = self.below(self.corpus[index].len() + 1);
                let piece = self.corpus[index][from..].to_vec();
                input.splice(at.., piece);
            }
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random() % bound as u64).expect("the remainder is below a usize")
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// An input while it is checked.
struct Checked {
    number: usize,
    input: Vec<u8>,
}

impl Drop for Checked {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("a rule is broken by input {}: {}", self.number, self.input.escape_ascii());
        }
    }
}

const INPUT_BYTES_MAX: usize = 70_000;

const ODD_OCTETS: &[u8] = b"\0\t\n\r \"%,/:;<=>?@[\\]*09Zz\x7f\x80\xc3\xff";

const ODD_TEXTS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\r\n ",
    "\r\n\t",
    " :",
    "\"",
    "\\\"",
    "<",
    ">",
    ";;",
    ",,",
    "SIP/2.0",
    "SIP / 2.0 / ",
    "sip:",
    "sips:",
    "tel:+1",
    "z9hG4bK",
    ";tag=",
    ";rport",
    ";received=",
    ";branch=",
    ";lr",
    "?Replaces=",
    "%00",
    "%0d%0a",
    "[::1]",
    "[",
    "]",
    "4294967296",
    "99999999999999999999",
    "-1",
    "Content-Length: 0\r\n",
    "l: 5\r\n",
    "Via: ",
    "v: ",
    "f: ",
    "t: ",
    "i: ",
    "m: *\r\n",
    "\u{fc}",
    "\u{feff}",
    "v=0\r\n",
    "m=audio 0 RTP/AVP 0\r\n",
    "a=",
    "c=IN IP4 ",
];
