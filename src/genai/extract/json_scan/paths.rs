//! Many values of one text, found in one go: a text is passed over once, however many places of it are asked for.

use super::{Json, head, next_member, skip_separators, skip_space, skip_value, value};

/// Places in a text, each with its number.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    root: Step,
    count: u8,
}

/// The number of a path, below 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At(u8);

/// One step of paths, and those that go on from it.
#[derive(Clone, Debug, Default)]
struct Step {
    /// Name of the member, or number of the item.
    name: Box<str>,
    item: Option<usize>,
    /// The path that ends here.
    path: Option<At>,
    /// All paths that come by, a bit for each.
    bits: u64,
    below: Vec<Step>,
}

/// What was found at the paths of one text.
#[derive(Debug)]
pub struct Found<'a> {
    values: [Option<Json<'a>>; Paths::MOST],
}

/// A look for some paths.
struct Search<'t, 'f> {
    text: &'t [u8],
    /// The paths that are still looked for.
    wanted: u64,
    found: &'f mut Found<'t>,
}

// === impl Paths ===

impl Paths {
    /// Most paths there can be.
    const MOST: usize = 64;

    /// The number of a path, which is added when it is new. `None` when there are 64 already.
    pub fn add(&mut self, path: &[String]) -> Option<At> {
        if let Some(known) = self.number(path) {
            return Some(known);
        }
        let at = At(self.count).bit().map(|_| At(self.count))?;
        self.count += 1;
        self.root.add(path, at);
        Some(at)
    }

    /// The values at those paths whose bit is in `wanted`.
    pub fn find<'a>(&self, text: &'a [u8], wanted: u64) -> Found<'a> {
        let mut found = Found::nothing();
        let text = head(text);
        let mut search = Search { text, wanted: wanted & self.root.bits, found: &mut found };
        search.value(skip_space(text, 0), &self.root);
        found
    }

    fn number(&self, path: &[String]) -> Option<At> {
        let mut step = &self.root;
        for name in path {
            step = step.below.iter().find(|below| *below.name == **name)?;
        }
        step.path
    }
}

// === impl At ===

impl At {
    /// The path as a bit; `None` beyond the last.
    pub fn bit(self) -> Option<u64> {
        1_u64.checked_shl(u32::from(self.0))
    }
}

// === impl Step ===

impl Step {
    fn add(&mut self, path: &[String], at: At) {
        self.bits |= at.bit().unwrap_or_default();
        let Some((name, rest)) = path.split_first() else {
            self.path = Some(at);
            return;
        };
        if let Some(below) = self.below.iter_mut().find(|below| *below.name == **name) {
            return below.add(rest, at);
        }
        let mut below = Step { name: name.as_str().into(), item: name.parse().ok(), ..Step::default() };
        below.add(rest, at);
        self.below.push(below);
    }
}

// === impl Found ===

impl<'a> Found<'a> {
    /// Nothing was found.
    pub fn nothing() -> Self {
        Self { values: [None; Paths::MOST] }
    }

    /// What was found at a path.
    pub fn at(&self, path: At) -> Option<Json<'a>> {
        self.values.get(usize::from(path.0)).copied().flatten()
    }
}

// === impl Search ===

impl<'t> Search<'t, '_> {
    /// Takes what is asked for of the value at `at`, and tells where that ends. `None` when it makes no sense to its end, or
    /// nothing more is asked for.
    fn value(&mut self, at: usize, step: &Step) -> Option<usize> {
        if let Some(path) = step.path
            && path.bit().is_some_and(|bit| self.wanted & bit != 0)
            && let Some(place) = self.found.values.get_mut(usize::from(path.0))
        {
            *place = value(self.text, at);
        }
        let end = match self.text.get(at)? {
            b'{' if !step.below.is_empty() => self.members(at + 1, step),
            b'[' if !step.below.is_empty() => self.items(at + 1, step),
            _ => None,
        };
        // Of equal members the first one counts.
        self.wanted &= !step.bits;
        if self.wanted == 0 {
            return None;
        }
        end.or_else(|| skip_value(self.text, at))
    }

    fn members(&mut self, mut at: usize, step: &Step) -> Option<usize> {
        while self.wanted & step.bits != 0 {
            at = skip_separators(self.text, at);
            if self.text.get(at) == Some(&b'}') {
                return Some(at + 1);
            }
            let (key, value) = next_member(self.text, at)?;
            let below = step.below.iter().find(|below| below.name.as_bytes() == key);
            at = self.pass(value, below)?;
        }
        None
    }

    fn items(&mut self, mut at: usize, step: &Step) -> Option<usize> {
        let mut item = 0;
        while self.wanted & step.bits != 0 {
            at = skip_separators(self.text, at);
            match self.text.get(at)? {
                b']' => return Some(at + 1),
                b'}' => return None,
                _ => {}
            }
            let below = step.below.iter().find(|below| below.item == Some(item));
            at = self.pass(at, below)?;
            item += 1;
        }
        None
    }

    /// Passes the value at `at`, which `step` leads to, and tells where it ends.
    fn pass(&mut self, at: usize, step: Option<&Step>) -> Option<usize> {
        match step.filter(|step| self.wanted & step.bits != 0) {
            Some(step) => self.value(at, step),
            None => skip_value(self.text, at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').filter(|step| !step.is_empty()).map(str::to_owned).collect()
    }

    const TEXTS: [&str; 12] = [
        r#"{"a": {"b": [1, {"c": "x"}], "d": null}, "e": 2.5, "f": [], "a": {"e": 1}, "g": "h"}"#,
        r#"[{"a": 1, "b": [[2], 3, "c"]}, "e", {"e": {"e": "f"}}]"#,
        r#"{"a": {"b": [1, {"c": "x"}], "d""#,
        "{'a': (1, {'b': 2}), 'e': True, 'g': None}",
        r#"{"a": {"b" 1}, "e": 3, "g": {"#,
        r#"{"a": [1, 2}, "e": 3, "g": 4}"#,
        r#"{"a": {"b": ]]]}, "e": 3}"#,
        r#"{"e": "\"", "a": "{", "g": 12"#,
        r#" "text" "#,
        "12",
        "",
        "{",
    ];

    #[test]
    fn what_is_found_in_one_go_is_what_is_found_one_by_one() {
        let names =
            ["", "a", "a.b", "a.b.0", "a.b.1.c", "a.d", "a.e", "e", "e.e", "f", "f.0", "g", "0", "0.a", "0.b.0.0"];
        let (mut paths, list): (Paths, Vec<_>) = (Paths::default(), names.map(path).to_vec());
        let numbers: Vec<_> = list.iter().map(|path| paths.add(path).unwrap()).collect();
        assert_eq!(paths.add(&list[3]), Some(numbers[3]));
        let all = numbers.iter().filter_map(|at| at.bit()).fold(0, |all, bit| all | bit);
        for text in TEXTS {
            for wanted in [all, all & 0x5555, all & 0x1248, all & !1] {
                let found = paths.find(text.as_bytes(), wanted);
                for (path, at) in list.iter().zip(&numbers) {
                    let alone = find(text.as_bytes(), path).filter(|_| wanted & at.bit().unwrap() != 0);
                    assert_eq!(found.at(*at), alone, "{path:?} of {text}");
                }
            }
        }
    }

    #[test]
    fn paths_end_at_sixty_four() {
        let mut paths = Paths::default();
        let added = (0..100).filter_map(|n| paths.add(&[n.to_string()])).count();
        let list = format!("[{}0]", "7,".repeat(99));
        let found = paths.find(list.as_bytes(), u64::MAX);
        assert_eq!(added, 64);
        assert!((0..64).all(|n| found.at(At(n)) == Some(Json::Word("7"))));
        assert_eq!(found.at(At(64)), None);
    }
}
