//! What the switch looks up at every event, by numbers of its own making.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use foldhash::fast::FixedState;

/// Values by their keys. A value stays where it is while others come and go. Nobody outside chooses the keys, so the hash
/// needs no secret.
#[cfg_attr(test, derive(Clone))]
pub(super) struct Table<K, V> {
    places: HashMap<K, Box<V>, FixedState>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { places: HashMap::default() }
    }
}

impl<K: Copy + Ord + Hash, V> Table<K, V> {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn contains_key(&self, key: &K) -> bool {
        self.places.contains_key(key)
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.places.get(key).map(AsRef::as_ref)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.places.get_mut(key).map(AsMut::as_mut)
    }

    /// Puts a value in its place; one that was there is gone.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.places.insert(key, Box::new(value));
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<Box<V>> {
        self.places.remove(key)
    }

    /// All of them in the order of their keys, which is looked for: not for every event.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let mut all: Vec<_> = self.places.iter().collect();
        all.sort_unstable_by_key(|(key, _)| **key);
        all.into_iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// As [`Self::iter`].
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        let mut all: Vec<_> = self.places.iter_mut().collect();
        all.sort_unstable_by_key(|(key, _)| **key);
        all.into_iter().map(|(key, value)| (key, value.as_mut()))
    }

    /// As [`Self::iter`].
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Copy + Ord + Hash + fmt::Debug, V: fmt::Debug> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// For tests, which know that the value is there.
#[cfg(test)]
impl<K: Copy + Ord + Hash, V> std::ops::Index<&K> for Table<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        &self.places[key]
    }
}

/// A set of few keys, of which the least is taken next.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Few<K>(Vec<K>);

impl<K> Default for Few<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Copy + Ord> Few<K> {
    pub(super) fn insert(&mut self, key: K) {
        if let Err(place) = self.0.binary_search(&key) {
            self.0.insert(place, key);
        }
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.0.binary_search(key).is_ok()
    }

    pub(super) fn pop_first(&mut self) -> Option<K> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_the_order_of_their_keys() {
        let mut table = Table::default();
        for key in [7, 1, 400, 3] {
            table.insert(key, key * 2);
        }
        table.insert(3, 0);
        table.iter_mut().for_each(|(_, value)| *value += 1);
        assert_eq!(
            table.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>(),
            [(1, 3), (3, 1), (7, 15), (400, 801)]
        );
        assert_eq!((table.remove(&7).map(|value| *value), table.get(&7), table.len()), (Some(15), None, 3));
    }

    #[test]
    fn the_least_key_is_taken_first_and_once() {
        let mut few = Few::default();
        [3, 1, 3, 2, 1].into_iter().for_each(|key| few.insert(key));
        assert!(few.contains(&2) && !few.contains(&4));
        assert_eq!(std::iter::from_fn(|| few.pop_first()).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
