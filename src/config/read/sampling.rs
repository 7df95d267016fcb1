//! `sampling`: the rules, as far as they can be checked without reading their expressions.

use std::collections::HashSet;

use crate::config::section::{Section, item, join};
use crate::config::{Rule, Sampling};

/// Longest name of a rule, in bytes: it is written onto spans and is a label of metrics.
const MAX_NAME: usize = 128;

/// `sampling`
pub fn sampling(mut sampling: Section<'_, '_>) -> Sampling {
    sampling.unsupported(&[
        ("policies", "write them as rules"),
        ("budget", ""),
        ("stratify_by", ""),
        ("at_least", ""),
        ("elastic", ""),
    ]);
    let path = join(sampling.path(), "rules");
    let mut names = HashSet::new();
    let mut rules = Vec::new();
    for (i, node) in sampling.list("rules").iter().enumerate() {
        rules.push(rule(sampling.of(node, item(&path, i)), &mut names));
    }
    sampling.finish();
    Sampling { rules }
}

/// One rule; `names` are those of the rules before it.
fn rule(mut rule: Section<'_, '_>, names: &mut HashSet<String>) -> Rule {
    rule.unsupported(&[
        ("stratify_by", ""),
        ("at_least", ""),
        ("elastic", ""),
        ("export_to", "every exporter gets every kept session"),
    ]);
    let name = rule.string("name").unwrap_or_default();
    if name.is_empty() {
        if rule.is_clean() {
            rule.problem("name", "is missing, every rule needs a name of its own");
        }
    } else if name.len() > MAX_NAME || name.contains(char::is_control) {
        rule.problem("name", format!("must be at most {MAX_NAME} bytes long and on one line"));
    } else if matches!(name.as_str(), "(none)" | "(all)") {
        rule.problem("name", format!("{name:?} is what is counted where no rule matched or there is none"));
    } else if !names.insert(name.clone()) {
        rule.problem("name", format!("{name:?} is the name of another rule, every rule needs a name of its own"));
    }
    let when = rule.text("when");
    let empty = when.as_ref().map_or(rule.has("when") && rule.is_clean(), |when| when.text.trim().is_empty());
    if empty {
        rule.problem("when", "is empty, leave the key out for a rule that always matches");
    }
    let probability = rule.scalar("probability", |scalar| match scalar.text.strip_suffix('%') {
        Some(_) => Err(format!("{:?} must be a number from 0 to 1, as in 0.01 for 1%", scalar.text)),
        None => Ok(()),
    });
    let probability = probability.and_then(|()| rule.decimal("probability", 0.0..=1.0));
    let drop = rule.boolean("drop", false);
    if drop && rule.has("probability") {
        rule.problem("probability", "has no meaning beside drop: true, leave one of them out");
    }
    if drop && !rule.has("when") {
        rule.problem("drop", "would drop every session, give the rule a when");
    }
    rule.finish();
    Rule { name, when, probability: probability.unwrap_or(1.0), drop }
}
