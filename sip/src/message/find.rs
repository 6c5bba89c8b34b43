//! Where an octet first is. Header lines are short: a search that is inlined beats a wider one that is called.

#[cfg(not(target_arch = "x86_64"))]
use memchr::arch::all::memchr as vector;
#[cfg(target_arch = "x86_64")]
use memchr::arch::x86_64::sse2::memchr as vector;

/// The first of one octet.
#[inline]
pub(super) fn find(octet: u8, text: &[u8]) -> Option<usize> {
    one(octet).find(text)
}

/// The first of either octet.
#[inline]
pub(super) fn find2(a: u8, b: u8, text: &[u8]) -> Option<usize> {
    two(a, b).find(text)
}

/// The first of any of three octets.
#[inline]
pub(super) fn find3(a: u8, b: u8, c: u8, text: &[u8]) -> Option<usize> {
    three(a, b, c).find(text)
}

#[cfg(target_arch = "x86_64")]
mod searchers {
    use super::vector::{One, Three, Two};

    const SSE2: &str = "every x86-64 has SSE2";

    #[inline]
    pub(super) fn one(octet: u8) -> One {
        One::new(octet).expect(SSE2)
    }

    #[inline]
    pub(super) fn two(a: u8, b: u8) -> Two {
        Two::new(a, b).expect(SSE2)
    }

    #[inline]
    pub(super) fn three(a: u8, b: u8, c: u8) -> Three {
        Three::new(a, b, c).expect(SSE2)
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod searchers {
    use super::vector::{One, Three, Two};

    #[inline]
    pub(super) fn one(octet: u8) -> One {
        One::new(octet)
    }

    #[inline]
    pub(super) fn two(a: u8, b: u8) -> Two {
        Two::new(a, b)
    }

    #[inline]
    pub(super) fn three(a: u8, b: u8, c: u8) -> Three {
        Three::new(a, b, c)
    }
}

use searchers::{one, three, two};
