//! Names in the order in which they came, each once.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::intern::Name;

/// A list of distinct names. There may be as many as the session has spans: calls of tools are counted by their names.
#[derive(Clone, Debug, Default)]
pub struct NameList {
    names: Vec<Name>,
    /// Index of each, once they are more than [`FEW`].
    indexes: Option<Box<HashMap<Name, u32, RandomState>>>,
}

/// Up to so many names are searched one by one.
const FEW: usize = 32;

// === impl NameList ===

impl NameList {
    /// Returns the index of a name, which is added if it is new. `None` for no name.
    pub(super) fn add(&mut self, name: Name) -> Option<usize> {
        if name.is_none() {
            return None;
        }
        if let Some(known) = self.index(name) {
            return Some(known);
        }
        let index = self.names.len();
        self.names.push(name);
        if let Some(indexes) = &mut self.indexes {
            indexes.insert(name, index as u32);
        } else if self.names.len() > FEW {
            self.indexes = Some(Box::new(self.names.iter().copied().zip(0_u32..).collect()));
        }
        Some(index)
    }

    /// Returns the index of a name.
    pub fn index(&self, name: Name) -> Option<usize> {
        match &self.indexes {
            Some(indexes) => indexes.get(&name).map(|index| *index as usize),
            None => self.names.iter().position(|known| *known == name),
        }
    }

    /// The names.
    pub fn as_slice(&self) -> &[Name] {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intern::Kind;

    #[test]
    fn each_name_is_kept_once_in_the_order_of_arrival_however_many_there_are() {
        let mut list = NameList::default();
        let names: Vec<Name> = (0..1000).map(|n| Name::new(Kind::Tool, &format!("listed {n}"))).collect();
        for (n, name) in names.iter().enumerate() {
            assert_eq!((list.add(*name), list.add(*name)), (Some(n), Some(n)));
        }
        assert_eq!(list.as_slice(), names);
        assert_eq!(list.index(names[999]), Some(999));
        assert_eq!((list.add(Name::NONE), list.as_slice().len()), (None, 1000));
    }
}
