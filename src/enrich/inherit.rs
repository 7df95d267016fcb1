//! What a span has from its session because it does not say it itself.

use crate::genai::calls::{CoOccurrence, VersionRef};
use crate::genai::extract::facts::{PromptVersion, SpanFacts};
use crate::intern::Name;

/// What the spans of a session have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common<'s> {
    /// What else belongs together.
    pairs: &'s CoOccurrence,
    /// The region of all calls, if there is only one.
    region: &'s str,
    /// The only prompt, or empty.
    prompt: &'s str,
    /// Its version.
    prompt_version: Option<VersionRef>,
}

/// Where a span ran and by which prompt, be it its own or its session's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Origin<'a> {
    pub(super) region: &'a str,
    pub(super) prompt: &'a str,
    /// The version, and where it is from: `attribute`, `hash` or `session`.
    pub(super) prompt_version: Option<(PromptVersion<'a>, &'static str)>,
}

// === impl Common ===

impl<'s> Common<'s> {
    /// Reads what a session's calls have in common.
    pub(super) fn of(pairs: &'s CoOccurrence) -> Self {
        let (prompt, version) = pairs.prompt().unwrap_or_default();
        let region = pairs.region().map(Name::text).unwrap_or_default();
        Self { pairs, region, prompt: prompt.text(), prompt_version: Some(version).filter(|it| !it.is_none()) }
    }

    /// What a span has of it.
    pub(super) fn origin<'a>(self, facts: Option<&SpanFacts<'a>>) -> Origin<'a>
    where
        's: 'a,
    {
        let own = facts.map(|facts| facts.prompt).unwrap_or_default();
        let (prompt, inherited) = match (own.name, own.version) {
            ("", None) => (self.prompt, self.prompt_version),
            (name, None) => (name, self.pairs.version_of(name)),
            (name, Some(_)) => (name, None),
        };
        let inherited = inherited.map(|version| (version.version(), "session"));
        let own_version = own.version.map(|version| (version, version.source()));
        Origin { region: self.region(facts), prompt, prompt_version: own_version.or(inherited) }
    }

    /// The region of a span. Calls of another provider may have run elsewhere.
    fn region<'a>(self, facts: Option<&SpanFacts<'a>>) -> &'a str
    where
        's: 'a,
    {
        match facts {
            Some(facts) if !facts.region.is_empty() => facts.region,
            Some(facts) if facts.operation.is_model_call() && !facts.provider.is_empty() => {
                self.pairs.region_of(facts.provider).map(Name::text).unwrap_or_default()
            }
            _ => self.region,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genai::calls::Call;
    use crate::genai::extract::facts::Prompt;
    use crate::genai::vocabulary::Operation;
    use crate::intern::Kind;

    /// The pairs of a session whose calls have these providers and regions, and these prompts and versions.
    fn pairs(regions: &[(&str, &str)], prompts: &[(&str, &str)]) -> CoOccurrence {
        let ran = regions.iter().map(|(provider, region)| Call {
            operation: Operation::Llm,
            provider: Name::new(Kind::Provider, provider),
            region: Name::new(Kind::Region, region),
            ..Call::NOTHING
        });
        let prompted = prompts.iter().map(|(prompt, version)| Call {
            prompt: Name::new(Kind::Prompt, prompt),
            prompt_version: match version.strip_prefix("h:") {
                Some(hash) => VersionRef::of_hash(u64::from_str_radix(hash, 16).unwrap()),
                None => VersionRef::of_text(Name::new(Kind::PromptVersion, version)),
            },
            ..Call::NOTHING
        });
        CoOccurrence::of(&ran.chain(prompted).collect::<Vec<_>>())
    }

    fn call(provider: &'static str, name: &'static str, version: Option<PromptVersion<'static>>) -> SpanFacts<'static> {
        SpanFacts { operation: Operation::Llm, provider, prompt: Prompt { name, version }, ..SpanFacts::NOTHING }
    }

    fn prompt(pairs: &CoOccurrence, name: &'static str, version: Option<PromptVersion<'static>>) -> (String, String) {
        let origin = Common::of(pairs).origin(Some(&call("", name, version)));
        let version = origin.prompt_version.map(|(version, source)| format!("{version} {source}"));
        (origin.prompt.to_owned(), version.unwrap_or_default())
    }

    #[test]
    fn what_a_span_does_not_say_it_has_from_its_session_where_that_says_one_thing() {
        let pairs = pairs(&[("aws", "eu-west-1"), ("aws", "")], &[("support", "3"), ("support", "")]);
        let common = Common::of(&pairs);
        let inherited = Origin {
            region: "eu-west-1",
            prompt: "support",
            prompt_version: Some((PromptVersion::Text("3"), "session")),
        };
        assert_eq!(common.origin(None), inherited);
        assert_eq!(common.origin(Some(&SpanFacts::NOTHING)), inherited);
        assert_eq!(common.origin(Some(&call("aws", "", None))), inherited);
        assert_eq!(common.origin(Some(&call("aws", "support", None))), inherited);
        let own = SpanFacts { region: "us-east-1", ..call("aws", "other", Some(PromptVersion::Number(4))) };
        let version = Some((PromptVersion::Number(4), "attribute"));
        let told = Origin { region: "us-east-1", prompt: "other", prompt_version: version };
        assert_eq!(common.origin(Some(&own)), told);
        assert_eq!(
            Common::of(&CoOccurrence::of(&[])).origin(None),
            Origin::default(),
            "of late spans no session is known"
        );
    }

    #[test]
    fn a_region_is_only_that_of_calls_of_the_same_provider() {
        let region = |regions: &[(&str, &str)], facts: Option<&SpanFacts<'_>>| {
            let pairs = pairs(regions, &[]);
            Common::of(&pairs).origin(facts).region.to_owned()
        };
        let (aws, openai, unnamed) = (call("aws", "", None), call("openai", "", None), call("", "", None));
        let tool = SpanFacts { operation: Operation::Tool, ..SpanFacts::NOTHING };
        let two = [("aws", "eu-west-1"), ("aws", ""), ("openai", "")];
        assert_eq!([&aws, &openai, &unnamed, &tool].map(|facts| region(&two, Some(facts))), ["eu-west-1", "", "", ""]);
        assert_eq!(region(&two, None), "", "not all calls ran there");
        let same = [("aws", "eu-west-1"), ("openai", "eu-west-1")];
        assert_eq!([&aws, &openai, &tool].map(|facts| region(&same, Some(facts))), ["eu-west-1"; 3]);
        let several = [("aws", "eu-west-1"), ("aws", "us-east-1"), ("openai", "eu-west-1")];
        assert_eq!([&aws, &openai, &tool].map(|facts| region(&several, Some(facts))), ["", "eu-west-1", ""]);
        assert_eq!(region(&[("aws", "eu-west-1"), ("", "")], None), "", "nobody knows where the other ran");
        assert_eq!(region(&[], None), "");
    }

    #[test]
    fn the_version_of_a_prompt_stands_beside_no_name_that_it_was_not_told_with() {
        let (none, hash) = (String::new, Some(PromptVersion::Hash(7)));
        let of = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        // One with its name and version, and a call that was told something else without a name.
        let session = pairs(&[], &[("sup", "3"), ("", "h:000000000007")]);
        assert_eq!(prompt(&session, "", hash), (none(), "h:000000000007 hash".into()));
        assert_eq!(prompt(&session, "", Some(PromptVersion::Number(3))), (none(), "3 attribute".into()));
        assert_eq!(prompt(&session, "sup", None), of("sup", "3 session"));
        assert_eq!(prompt(&session, "", None), of("", ""), "which of the two is not known");
        // Two prompts, of which only one told its version.
        let session = pairs(&[], &[("sup", "3"), ("other", "")]);
        assert_eq!([prompt(&session, "", None), prompt(&session, "other", None)], [of("", ""), of("other", "")]);
        assert_eq!(prompt(&session, "sup", None), of("sup", "3 session"));
        // One prompt in two versions.
        let session = pairs(&[], &[("sup", "3"), ("sup", "4")]);
        assert_eq!([prompt(&session, "", None), prompt(&session, "sup", None)], [of("", ""), of("sup", "")]);
        // One name and no version, one version and no name.
        assert_eq!(prompt(&pairs(&[], &[("sup", "")]), "", None), of("sup", ""));
        assert_eq!(prompt(&pairs(&[], &[("", "3")]), "", None), of("", "3 session"));
    }

    #[test]
    fn of_more_names_than_are_kept_nothing_is_had() {
        let names: Vec<String> = (0..64).map(|n| format!("r{n}")).collect();
        let and = |first: (&'static str, &'static str), others: &[String], with: &'static str| {
            let others = others.iter().map(|name| (with.to_owned(), name.clone()));
            std::iter::once((first.0.to_owned(), first.1.to_owned())).chain(others).collect::<Vec<_>>()
        };
        let origin = |regions: usize, prompts: usize| {
            let regions = and(("aws", "eu-west-1"), &names[..regions], "openai");
            let prompts = and(("sup", "3"), &names[..prompts], "other");
            let [regions, prompts] = [&regions, &prompts]
                .map(|all| all.iter().map(|(one, other)| (&**one, &**other)).collect::<Vec<(&str, &str)>>());
            let pairs = pairs(&regions, &prompts);
            let origin = Common::of(&pairs).origin(Some(&call("aws", "sup", None)));
            (origin.region.to_owned(), origin.prompt_version.map(|(version, _)| version.to_string()))
        };
        let (region, version) = ("eu-west-1".to_owned(), Some("3".to_owned()));
        assert_eq!(origin(63, 63), (region.clone(), version.clone()));
        assert_eq!(origin(64, 63), (String::new(), version), "regions and prompts have room each");
        assert_eq!(origin(63, 64), (region, None));
    }

    #[test]
    fn a_name_that_found_no_room_in_the_process_is_not_inherited() {
        let told = [
            Call { operation: Operation::Llm, region: Name::OVERFLOW, ..Call::NOTHING },
            Call { prompt: Name::OVERFLOW, ..Call::NOTHING },
        ];
        let origin = |told: &[Call]| format!("{:?}", Common::of(&CoOccurrence::of(told)).origin(None));
        assert_eq!(origin(&told), format!("{:?}", Origin::default()));
        let version = VersionRef::of_text(Name::OVERFLOW);
        let told = [Call { prompt: Name::new(Kind::Prompt, "sup"), prompt_version: version, ..Call::NOTHING }];
        assert_eq!(origin(&told), format!("{:?}", Origin::default()));
    }
}
