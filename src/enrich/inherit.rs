//! What a span has from its session because it does not say it itself.

use crate::genai::account::{Account, Pair};
use crate::genai::facts::{Facts, PromptVersion};

/// What the spans of a session have in common; a text is empty where there is nothing, or more than one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Common<'s> {
    /// Who knows what else goes together.
    account: Option<&'s Account>,
    /// Where all its calls ran.
    region: &'s str,
    /// The one prompt of all.
    prompt: &'s str,
    /// Its version.
    prompt_version: &'s str,
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
    /// Of what the spans of a session told.
    pub(super) fn of(account: &'s Account) -> Self {
        let (prompt, prompt_version) = account.told_by_all(Pair::Prompt).unwrap_or_default();
        let region = account.second_of_all(Pair::Region).unwrap_or_default();
        Self { account: Some(account), region, prompt, prompt_version }
    }

    /// What a span has of it.
    pub(super) fn origin<'a>(self, facts: Option<&Facts<'a>>) -> Origin<'a>
    where
        's: 'a,
    {
        let own = facts.map(|facts| facts.prompt).unwrap_or_default();
        let (prompt, inherited) = match (own.name, own.version) {
            ("", None) => (self.prompt, self.prompt_version),
            (name, None) => (name, self.told_with(Pair::Prompt, name)),
            (name, Some(_)) => (name, ""),
        };
        let inherited = (!inherited.is_empty()).then_some((PromptVersion::Text(inherited), "session"));
        let told = own.version.map(|version| (version, version.source()));
        Origin { region: self.region(facts), prompt, prompt_version: told.or(inherited) }
    }

    /// Where a span ran. Of another provider's calls it is not known that they ran there.
    fn region<'a>(self, facts: Option<&Facts<'a>>) -> &'a str
    where
        's: 'a,
    {
        match facts {
            Some(facts) if !facts.region.is_empty() => facts.region,
            Some(facts) if facts.operation.is_model_call() && !facts.provider.is_empty() => {
                self.told_with(Pair::Region, facts.provider)
            }
            _ => self.region,
        }
    }

    fn told_with(self, pair: Pair, one: &str) -> &'s str {
        self.account.and_then(|account| account.told_with(pair, one)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genai::account::NameKind;
    use crate::genai::facts::{Operation, Prompt};

    /// The account of a session whose calls told these providers and regions, and these prompts and versions.
    fn account(regions: &[(&str, &str)], prompts: &[(&str, &str)]) -> Account {
        let mut account = Account::default();
        let kinds = [(NameKind::Provider, NameKind::Region), (NameKind::Prompt, NameKind::PromptVersion)];
        for ((pair, told), (one, other)) in [(Pair::Region, regions), (Pair::Prompt, prompts)].into_iter().zip(kinds) {
            for (first, second) in told {
                let first = place(&mut account, one, first);
                let second = place(&mut account, other, second);
                account.told_together(pair, first, second);
            }
        }
        account
    }

    fn place(account: &mut Account, kind: NameKind, text: &str) -> Option<u32> {
        if text.is_empty() {
            return None;
        }
        account.name(kind, xxhash_rust::xxh3::xxh3_64(text.as_bytes()), || text.into())
    }

    fn call(provider: &'static str, name: &'static str, version: Option<PromptVersion<'static>>) -> Facts<'static> {
        Facts { operation: Operation::Llm, provider, prompt: Prompt { name, version }, ..Facts::NOTHING }
    }

    fn prompt(account: &Account, name: &'static str, version: Option<PromptVersion<'static>>) -> (String, String) {
        let origin = Common::of(account).origin(Some(&call("", name, version)));
        let version = origin.prompt_version.map(|(version, source)| format!("{version} {source}"));
        (origin.prompt.to_owned(), version.unwrap_or_default())
    }

    #[test]
    fn what_a_span_does_not_say_it_has_from_its_session_where_that_says_one_thing() {
        let account = account(&[("aws", "eu-west-1"), ("aws", "")], &[("support", "3"), ("support", "")]);
        let common = Common::of(&account);
        let inherited = Origin {
            region: "eu-west-1",
            prompt: "support",
            prompt_version: Some((PromptVersion::Text("3"), "session")),
        };
        assert_eq!(common.origin(None), inherited);
        assert_eq!(common.origin(Some(&Facts::NOTHING)), inherited);
        assert_eq!(common.origin(Some(&call("aws", "", None))), inherited);
        assert_eq!(common.origin(Some(&call("aws", "support", None))), inherited);
        let own = Facts { region: "us-east-1", ..call("aws", "other", Some(PromptVersion::Number(4))) };
        let version = Some((PromptVersion::Number(4), "attribute"));
        let told = Origin { region: "us-east-1", prompt: "other", prompt_version: version };
        assert_eq!(common.origin(Some(&own)), told);
        assert_eq!(Common::default().origin(None), Origin::default(), "of late spans no session is known");
    }

    #[test]
    fn a_region_is_only_that_of_calls_of_the_same_provider() {
        let region = |told: &[(&str, &str)], facts: Option<&Facts<'_>>| {
            let account = account(told, &[]);
            Common::of(&account).origin(facts).region.to_owned()
        };
        let (aws, openai, unnamed) = (call("aws", "", None), call("openai", "", None), call("", "", None));
        let tool = Facts { operation: Operation::Tool, ..Facts::NOTHING };
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
        let told = account(&[], &[("sup", "3"), ("", "h:000000000007")]);
        assert_eq!(prompt(&told, "", hash), (none(), "h:000000000007 hash".into()));
        assert_eq!(prompt(&told, "", Some(PromptVersion::Number(3))), (none(), "3 attribute".into()));
        assert_eq!(prompt(&told, "sup", None), of("sup", "3 session"));
        assert_eq!(prompt(&told, "", None), of("", ""), "which of the two is not known");
        // Two prompts, of which only one told its version.
        let told = account(&[], &[("sup", "3"), ("other", "")]);
        assert_eq!([prompt(&told, "", None), prompt(&told, "other", None)], [of("", ""), of("other", "")]);
        assert_eq!(prompt(&told, "sup", None), of("sup", "3 session"));
        // One prompt in two versions.
        let told = account(&[], &[("sup", "3"), ("sup", "4")]);
        assert_eq!([prompt(&told, "", None), prompt(&told, "sup", None)], [of("", ""), of("sup", "")]);
        // One name and no version, one version and no name.
        assert_eq!(prompt(&account(&[], &[("sup", "")]), "", None), of("sup", ""));
        assert_eq!(prompt(&account(&[], &[("", "3")]), "", None), of("", "3 session"));
    }

    #[test]
    fn of_more_names_than_are_kept_nothing_is_had() {
        let regions: Vec<String> = (0..1000).map(|n| format!("r{n}")).collect();
        let mut told: Vec<(&str, &str)> = vec![("aws", "eu-west-1")];
        told.extend(regions.iter().map(|region| ("openai", region.as_str())));
        let account = account(&told, &[("sup", "3")]);
        let origin = Common::of(&account).origin(Some(&call("aws", "", None)));
        assert_eq!((origin.region, origin.prompt), ("", ""));
        assert!(account.pairs.len() <= 64);
    }
}
