//! A bounded table of which each issuer has a share.

use std::collections::BTreeMap;

use super::super::grant::GrantKey;
use super::super::names::IssuerName;
use super::key::RequestKey;

/// Whose row it is.
pub(super) trait Issued {
    fn issuer(&self) -> &IssuerName;
}

impl Issued for GrantKey {
    fn issuer(&self) -> &IssuerName {
        &self.issuer
    }
}

impl Issued for RequestKey {
    fn issuer(&self) -> &IssuerName {
        &self.issuer
    }
}

impl Issued for IssuerName {
    fn issuer(&self) -> &IssuerName {
        self
    }
}

/// What there is no room in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The whole table.
    Table,
    /// The issuer's share.
    Share,
}

/// Rows by key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    shares: BTreeMap<IssuerName, usize>,
    bound: usize,
    share: usize,
}

impl<K: Issued + Ord, V> Table<K, V> {
    pub(super) fn new(bound: usize, share: usize) -> Self {
        Self { rows: BTreeMap::new(), shares: BTreeMap::new(), bound, share }
    }

    pub(super) fn rows(&self) -> &BTreeMap<K, V> {
        &self.rows
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.rows.get_mut(key)
    }

    pub(super) fn rows_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.rows.iter_mut()
    }

    /// What stands in the way of one more row of this issuer.
    pub(super) fn full(&self, issuer: &IssuerName) -> Option<Full> {
        if self.shares.get(issuer).is_some_and(|rows| *rows >= self.share) {
            Some(Full::Share)
        } else if self.rows.len() >= self.bound {
            Some(Full::Table)
        } else {
            None
        }
    }

    /// A new row, or another value of one that is there.
    pub(super) fn insert(&mut self, key: K, value: V) -> Result<(), Full> {
        if let Some(row) = self.rows.get_mut(&key) {
            *row = value;
            return Ok(());
        }
        if let Some(full) = self.full(key.issuer()) {
            return Err(full);
        }
        self.restore(key, value);
        Ok(())
    }

    /// A row, whatever the bounds say.
    pub(super) fn restore(&mut self, key: K, value: V) {
        let issuer = key.issuer().clone();
        if self.rows.insert(key, value).is_none() {
            *self.shares.entry(issuer).or_insert(0) += 1;
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let value = self.rows.remove(key)?;
        if let Some(rows) = self.shares.get_mut(key.issuer()) {
            *rows = rows.saturating_sub(1);
            if *rows == 0 {
                self.shares.remove(key.issuer());
            }
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_share_is_counted_down_as_rows_go() {
        let key = |issuer: &str, id| RequestKey {
            issuer: IssuerName::new(issuer),
            request_id: Uuid::from_u128(id),
        };
        let mut table = Table::new(3, 2);
        assert_eq!(table.insert(key("a", 1), 1), Ok(()));
        assert_eq!(table.insert(key("a", 2), 2), Ok(()));
        assert_eq!(table.insert(key("a", 3), 3), Err(Full::Share));
        assert_eq!(table.insert(key("a", 2), 4), Ok(()), "no new row");
        assert_eq!(table.insert(key("b", 1), 5), Ok(()));
        assert_eq!(table.insert(key("c", 1), 6), Err(Full::Table));
        assert_eq!(table.remove(&key("a", 2)), Some(4));
        assert_eq!(table.insert(key("c", 1), 6), Ok(()));
        assert_eq!(table.remove(&key("b", 1)), Some(5));
        assert_eq!(table.remove(&key("b", 1)), None);
        assert_eq!(table.insert(key("a", 3), 7), Ok(()));
    }
}
