//! What a span has from its session because it says nothing else itself.

use std::sync::Arc;

use crate::genai::facts::{Facts, PromptVersion};

/// What all of a session has in common; a text is empty where there is nothing, or more than one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Common<'s> {
    region: &'s str,
    prompt: &'s str,
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
    /// Of all regions, names of prompts and versions of prompts in a session.
    pub(super) fn of(regions: &'s [Arc<str>], prompts: &'s [Arc<str>], prompt_versions: &'s [Arc<str>]) -> Self {
        let only = |texts: &'s [Arc<str>]| if let [only] = texts { &**only } else { "" };
        Self { region: only(regions), prompt: only(prompts), prompt_version: only(prompt_versions) }
    }

    /// What a span has of it. The version of a prompt goes with its name: it is none of another prompt's.
    pub(super) fn origin<'a>(self, facts: Option<&Facts<'a>>) -> Origin<'a>
    where
        's: 'a,
    {
        let (region, own) = facts.map(|facts| (facts.region, facts.prompt)).unwrap_or_default();
        let told = own.version.map(|version| (version, version.source()));
        let same_prompt = own.name.is_empty() || own.name == self.prompt;
        let inherits = same_prompt && !self.prompt_version.is_empty();
        let inherited = inherits.then_some((PromptVersion::Text(self.prompt_version), "session"));
        let first = |own: &'a str, common: &'a str| if own.is_empty() { common } else { own };
        Origin {
            region: first(region, self.region),
            prompt: first(own.name, self.prompt),
            prompt_version: told.or(inherited),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genai::facts::Prompt;

    fn names(texts: &[&str]) -> Vec<Arc<str>> {
        texts.iter().map(|text| (*text).into()).collect()
    }

    fn facts(region: &'static str, name: &'static str, version: Option<PromptVersion<'static>>) -> Facts<'static> {
        Facts { region, prompt: Prompt { name, version }, ..Facts::NOTHING }
    }

    #[test]
    fn what_a_span_does_not_say_it_has_from_its_session_where_that_says_one_thing() {
        let (regions, prompts, versions) = (names(&["eu-west-1"]), names(&["support"]), names(&["3"]));
        let common = Common::of(&regions, &prompts, &versions);
        let inherited = Origin {
            region: "eu-west-1",
            prompt: "support",
            prompt_version: Some((PromptVersion::Text("3"), "session")),
        };
        assert_eq!(common.origin(None), inherited);
        assert_eq!(common.origin(Some(&facts("", "", None))), inherited);
        let own = common.origin(Some(&facts("us-east-1", "", Some(PromptVersion::Number(4)))));
        let version = Some((PromptVersion::Number(4), "attribute"));
        assert_eq!(own, Origin { region: "us-east-1", prompt: "support", prompt_version: version });
    }

    #[test]
    fn of_several_there_is_none_and_no_prompt_has_the_version_of_another() {
        let (two, one) = (names(&["a", "b"]), names(&["a"]));
        assert_eq!(Common::of(&two, &two, &two).origin(None), Origin::default());
        assert_eq!(Common::of(&[], &[], &[]).origin(None), Origin::default());
        let common = Common::of(&[], &one, &one);
        let origin = |name| common.origin(Some(&facts("", name, None))).prompt_version.is_some();
        assert_eq!((origin("a"), origin(""), origin("b")), (true, true, false));
    }
}
