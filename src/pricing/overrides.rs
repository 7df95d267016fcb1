//! The user's own prices, in YAML: of models, and of spans that no price book knows (see [`super::span_rule`]).
//!
//! ```yaml
//! models:
//!   - provider: openai              # `*` stands for anything
//!     model: gpt-4o*
//!     effective_from: 2026-01-01    # absent: since ever
//!     input_cost_per_token: 2e-06   # the keys of LiteLLM's rows
//!     output_cost_per_token: 8e-06
//! ```

use super::amount::Rate;
use super::calendar::effective_from;
use super::litellm::{Price, Row, keys};
use super::names::told;
use super::providers::Provider;
use super::span_rule::SpanRule;
use crate::clock::Nanos;
use crate::config::section::{Section, item, suggest};
use crate::config::tree::{Entry, Node, Value};
use crate::config::{Problems, tree};
use crate::glob::Glob;

/// The files, in their order.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    /// Exact ones before those with a `*`, else in the order of the file.
    pub(super) rules: Vec<Rule>,
    pub(super) spans: Vec<SpanRule>,
    /// Each file, and how many entries it has.
    pub(super) files: Vec<(Box<str>, usize)>,
}

/// The prices of some models.
#[derive(Debug)]
pub(super) struct Rule {
    provider: Glob,
    model: Glob,
    /// By rising date.
    periods: Vec<(Nanos, Row)>,
}

/// Keys of a model that are no prices.
const KEYS: [&str; 4] = ["provider", "model", "effective_from", "max_input_tokens"];
const MAX_WINDOW: u64 = 1_000_000_000;

// === impl Overrides ===

impl Overrides {
    /// Reads a file and adds what is in it.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub(super) fn add(&mut self, text: &str, name: &str) -> Result<(), Problems> {
        let root = tree::parse(text, name)?;
        let mut problems = Problems::default();
        let mut section = Section::new(&root, "", &mut problems);
        let (models, spans) = (section.list("models"), section.list("spans"));
        for (index, node) in models.iter().enumerate() {
            if let Some((rule, from, row)) = model(&mut section, node, item("models", index)) {
                self.put(&mut section, node, rule, (from, row));
            }
        }
        for (index, node) in spans.iter().enumerate() {
            self.spans.extend(SpanRule::read(&mut section, node, item("spans", index)));
        }
        if section.is_clean() && models.is_empty() && spans.is_empty() {
            section.problem_here("has no prices: must have models or spans");
        }
        section.finish();
        self.files.push((name.into(), models.len() + spans.len()));
        self.rules.sort_by_key(|rule| !(rule.model.whole().is_some() && rule.provider.whole().is_some()));
        problems.or(())
    }

    /// Puts in a period, beside those of the same models.
    fn put(&mut self, section: &mut Section<'_, '_>, node: &Node, rule: Rule, period: (Nanos, Row)) {
        let same = |known: &&mut Rule| known.model == rule.model && known.provider == rule.provider;
        let Some(known) = self.rules.iter_mut().find(same) else {
            self.rules.push(Rule { periods: vec![period], ..rule });
            return;
        };
        match known.periods.binary_search_by_key(&period.0, |(from, _)| *from) {
            Ok(_) => {
                section.report(node.problem("models", "has the provider, model and effective_from of another one"));
            }
            Err(at) => known.periods.insert(at, period),
        }
    }

    /// The first place from `start` on whose rule is for the model of that place: all rules for the first model come before
    /// those for the second one.
    pub(super) fn find(&self, start: usize, provider: &str, models: [&str; 2]) -> Option<usize> {
        if self.rules.is_empty() {
            return None;
        }
        let known = Provider::named(provider);
        let named = provider.to_lowercase();
        let sells = |rule: &Rule| {
            let by = |known: &Provider| known.all_names().any(|name| rule.provider.fits(name));
            rule.provider.fits(&named) || known.is_some_and(by)
        };
        let models = models.map(|model| told(model, known));
        let places = models.iter().flat_map(|names| self.rules.iter().map(move |rule| (rule, names)));
        let meant =
            |(rule, names): (&Rule, &Vec<String>)| sells(rule) && names.iter().any(|name| rule.model.fits(name));
        let mut places = places.enumerate().skip(start);
        places.find(|(_, place)| meant(*place)).map(|(at, _)| at)
    }

    /// The rule of a place.
    pub(super) fn at(&self, place: usize) -> Option<&Rule> {
        self.rules.get(place.checked_rem(self.rules.len())?)
    }
}

// === impl Rule ===

impl Rule {
    /// The prices at a time.
    pub(super) fn at(&self, at: Nanos) -> Option<&Row> {
        self.periods.iter().rev().find(|(from, _)| *from <= at).map(|(_, row)| row)
    }
}

fn model<'n>(section: &mut Section<'n, '_>, node: &'n Node, path: String) -> Option<(Rule, Nanos, Row)> {
    let mut model = section.of(node, path);
    let (provider, name) = (model.string("provider"), model.string("model"));
    if model.is_clean() && (provider.is_none() || name.is_none()) {
        model.problem_here("must have a provider and a model, `*` for any");
    }
    let from = effective_from(&mut model);
    let window = model.number("max_input_tokens", 1..=MAX_WINDOW);
    let mut prices = Vec::new();
    for entry in model.entries().iter().filter(|entry| !KEYS.contains(&entry.key.as_str())) {
        let Some((unit, above, tier)) = keys::parse(&entry.key) else {
            let known = [&KEYS[..], &keys::bases()].concat();
            model.report_key(entry, format!("unknown key, {}", suggest(&entry.key, &known)));
            continue;
        };
        match rate(entry) {
            Ok(rate) => prices.push(Price { above, tier, unit, rate }),
            Err(wrong) => model.report_key(entry, wrong),
        }
    }
    if model.is_clean() && prices.is_empty() {
        model.problem_here("has no prices, as input_cost_per_token is one");
    }
    let clean = model.is_clean();
    let (provider, name) = (provider?, name?);
    let row = Row::of_prices(&format!("{provider}/{name}"), window, prices);
    let rule =
        Rule { provider: Glob::in_lower_case(&provider), model: Glob::in_lower_case(&name), periods: Vec::new() };
    clean.then_some((rule, from, row))
}

/// A price that stands under a key of the user's choice.
fn rate(entry: &Entry) -> Result<Rate, String> {
    match &entry.node.value {
        Value::Scalar(scalar) => Rate::parse(&scalar.text, 0),
        _ => Err(format!("is {}, must be a price in US dollars", entry.node.kind())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::calendar::date;
    use super::*;

    fn wrong(text: &str) -> Vec<String> {
        let problems = Overrides::default().add(text, "my.yaml").unwrap_err().to_string();
        problems.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_wrong_is_said_with_path_and_line() {
        let text = "\
models:
  - {provider: openai, model: gpt-4o, input_cost_per_tokens: 1e-6}
  - {provider: openai, input_cost_per_token: 1e-6}
  - {provider: openai, model: gpt-5, input_cost_per_token: -1}
  - {provider: openai, model: gpt-5}
  - {provider: openai, model: x, effective_from: soon, input_cost_per_token: 1e-6}
  - {provider: openai, model: y, input_cost_per_token: [1]}
  - 5
spans:
  - {name: search, match: {gen_ai.tool.name: x}}
  - {per_call: 0.01}
prices: 3
";
        let lines = wrong(text);
        let begin = [
            "my.yaml:2:39: models[0].input_cost_per_tokens: unknown key, did you mean \"input_cost_per_token\"",
            "my.yaml:3:5: models[1]: must have a provider and a model",
            "my.yaml:4:38: models[2].input_cost_per_token: \"-1\" is no price: must not be negative",
            "my.yaml:5:5: models[3]: has no prices",
            "my.yaml:6:50: models[4].effective_from: \"soon\" must be a day",
            "my.yaml:7:34: models[5].input_cost_per_token: is a list",
            "my.yaml:8:5: models[6]: is a scalar",
            "my.yaml:10:5: spans[0]: has no price",
            "my.yaml:11:5: spans[1]: ",
            "my.yaml:12:1: prices: unknown key",
        ];
        assert_eq!(lines.len(), begin.len(), "{lines:#?}");
        for (line, begin) in lines.iter().zip(begin) {
            assert!(line.starts_with(begin), "{line} {lines:#?}");
        }
    }

    #[test]
    fn hostile_files_are_refused() {
        for text in ["", "models: []", "[1, 2]", "models: {a: b}", "a: *b", "models: [", "\u{0}"] {
            assert!(wrong(text).iter().all(|line| line.starts_with("my.yaml:")), "{text:?}");
        }
        let rule = "{provider: a, model: b, input_cost_per_token: 1e-6}";
        assert!(
            wrong(&format!("models:\n  - {rule}\n  - {rule}\n"))[0]
                .starts_with("my.yaml:3:5: models: has the provider")
        );
        assert!(wrong(&format!("models: [{}]", "5, ".repeat(2000)))[0].contains("at most 1000"));
    }

    #[test]
    fn the_model_that_answered_goes_before_the_one_that_was_asked_for() {
        let text = "\
models:
  - {provider: openai, model: gpt-4o-mini, input_cost_per_token: 1}
  - {provider: openai, model: 'gpt-4.1*', input_cost_per_token: 2}
";
        let mut own = Overrides::default();
        own.add(text, "my.yaml").unwrap();
        let found = |models| {
            let all = std::iter::successors(own.find(0, "openai", models), |at| own.find(at + 1, "openai", models));
            all.map(|place| own.at(place).unwrap().periods[0].1.key.to_string()).collect::<Vec<_>>()
        };
        let (exact, glob) = ("openai/gpt-4o-mini".to_owned(), "openai/gpt-4.1*".to_owned());
        assert_eq!(found(["gpt-4.1-nano", "gpt-4o-mini"]), [glob.clone(), exact.clone()]);
        assert_eq!(found(["gpt-4o-mini", "gpt-4.1-nano"]), [exact.clone(), glob]);
        // Of what answered there may be no own price, as where the name that was asked for is that of a deployment.
        assert_eq!(found(["gpt-4o-mini-2024-07-18", "gpt-4o-mini"]), [exact]);
    }

    #[test]
    fn a_rule_is_for_a_model_as_it_is_told_and_without_what_stands_before_its_name() {
        let arn = "arn:aws:bedrock:us-east-1:123:application-inference-profile/abcd";
        let text = format!(
            "models:\n  - {{provider: openai, model: gpt-4o, input_cost_per_token: 1}}\n  \
             - {{provider: bedrock, model: us.amazon.nova-lite-v1:0, input_cost_per_token: 1}}\n  \
             - {{provider: bedrock, model: '{arn}', input_cost_per_token: 1}}\n  \
             - {{provider: gemini, model: gemini-2.5-pro, input_cost_per_token: 1}}\n"
        );
        let mut own = Overrides::default();
        own.add(&text, "my.yaml").unwrap();
        let profile = "arn:aws:bedrock:us-east-1:123:inference-profile/us.amazon.nova-lite-v1:0";
        let opaque = "arn:aws:bedrock:us-east-1:123:application-inference-profile/us.amazon.nova-lite-v1:0";
        for (provider, model, place) in [
            ("openai", "openai/gpt-4o", Some(0)),
            ("openrouter", "openai/gpt-4o", None),
            ("aws.bedrock", "us.amazon.nova-lite-v1:0", Some(1)),
            ("aws.bedrock", profile, Some(1)),
            ("aws.bedrock", opaque, None),
            ("aws.bedrock", arn, Some(2)),
            ("gcp.gemini", "models/gemini-2.5-pro", Some(3)),
            ("gcp.gen_ai", "google/gemini-2.5-pro", Some(3)),
        ] {
            assert_eq!(own.find(0, provider, [model, ""]), place, "{provider} {model}");
        }
    }

    #[test]
    fn exact_rules_go_first_and_dates_decide_between_periods() {
        let text = "\
models:
  - {provider: '*', model: 'gpt-*', input_cost_per_token: 1}
  - {provider: openai, model: gpt-4o, effective_from: 2026-02-01, input_cost_per_token: 3}
  - {provider: openai, model: gpt-4o, effective_from: 2026-01-01, input_cost_per_token: 2}
";
        let mut own = Overrides::default();
        own.add(text, "my.yaml").unwrap();
        assert_eq!(own.rules.len(), 2);
        assert_eq!(own.find(0, "OpenAI", ["GPT-4o", ""]), Some(0));
        assert_eq!(own.find(1, "openai", ["gpt-4o", ""]), Some(1));
        assert_eq!(own.find(2, "openai", ["gpt-4o", ""]), None);
        assert_eq!(own.find(0, "other", ["gpt-4o", ""]), Some(1));
        assert_eq!(own.find(0, "other", ["", ""]), None);
        assert!(own.rules[0].at(date("2025-12-31").unwrap()).is_none());
        assert!(own.rules[0].at(date("2026-01-31").unwrap()).is_some());
    }
}
