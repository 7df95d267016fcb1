//! The rules of the configuration, and the verdict they come to.

use std::sync::Arc;

use crate::config;
use crate::expr::{Compiler, ExprError, SessionExpr};
use crate::flow::{Reason, Session, Verdict};
use crate::otlp::probability::threshold_of;

/// The name that counts sessions which no rule matched.
pub const NO_RULE: &str = "(none)";

/// The name that counts sessions judged without any rules.
pub const ALL: &str = "(all)";

/// The rules, compiled.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    none: Arc<str>,
    all: Arc<str>,
}

#[derive(Clone, Debug)]
struct Rule {
    name: Arc<str>,
    /// Absent for a rule that always matches.
    when: Option<SessionExpr>,
    probability: f64,
    drop: bool,
}

// === impl Rules ===

impl Rules {
    /// Compiles the rules; what they ask of spans is collected by `compiler`.
    ///
    /// # Errors
    /// All that is wrong with their expressions, each with the index of its rule.
    pub fn compile(rules: &[config::Rule], compiler: &mut Compiler<'_>) -> Result<Self, Vec<(usize, ExprError)>> {
        let mut compiled = Vec::with_capacity(rules.len());
        let mut errors = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            match rule.when.as_ref().map(|when| compiler.rule(&when.text)).transpose() {
                Ok(when) => compiled.push(Rule {
                    name: rule.name.as_str().into(),
                    when,
                    probability: rule.probability,
                    drop: rule.drop,
                }),
                Err(wrong) => errors.extend(wrong.into_iter().map(|error| (index, error))),
            }
        }
        match errors.is_empty() {
            true => Ok(Self { rules: compiled, none: NO_RULE.into(), all: ALL.into() }),
            false => Err(errors),
        }
    }

    /// Keep or drop. The order of the rules changes nothing but which of equals is named.
    pub fn judge(&self, session: &Session, reason: Reason) -> Verdict {
        let (mut matched, mut winner) = (Vec::new(), None);
        for rule in self.rules.iter().filter(|rule| rule.matches(session)) {
            matched.push(rule.name.clone());
            winner = winner.filter(|best: &&Rule| !rule.beats(best)).or(Some(rule));
        }
        let (rule, probability) = match winner {
            _ if self.rules.is_empty() => (&self.all, 1.0),
            None => (&self.none, 0.0),
            Some(rule) => (&rule.name, if rule.drop { 0.0 } else { rule.probability }),
        };
        let threshold = threshold_of(probability);
        Verdict {
            keep: session.randomness >= threshold,
            probability,
            drop_rule: winner.is_some_and(|rule| rule.drop),
            threshold,
            randomness: session.randomness,
            rule: rule.clone(),
            matched,
            reason,
        }
    }
}

// === impl Rule ===

impl Rule {
    fn matches(&self, session: &Session) -> bool {
        self.when.as_ref().is_none_or(|when| when.matches(session))
    }

    /// Whether it decides in place of one before it that matched, too: the first that drops does, else the first of the
    /// highest probability.
    fn beats(&self, other: &Self) -> bool {
        !other.drop && (self.drop || self.probability > other.probability)
    }
}
