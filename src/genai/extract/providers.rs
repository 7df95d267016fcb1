//! Providers, models and regions by one name each.

use memchr::memchr;

use crate::genai::conventions::Conventions;
use crate::genai::keyword_map::KeywordMap;
use crate::glob::Glob;
use crate::pricing::named_by_arn;

/// The words for providers, models and regions.
#[derive(Clone, Debug, Default)]
pub struct NameResolver {
    canonical: Vec<Box<str>>,
    /// Alias to place in `canonical`.
    aliases: KeywordMap<usize>,
    suffixes: KeywordMap<()>,
    frameworks: KeywordMap<()>,
    exclude_cached: Vec<String>,
    reasoning_beside: Vec<String>,
    models: Vec<(Glob, Box<str>)>,
    regions: Vec<(Glob, Option<Box<str>>)>,
}

// === impl NameResolver ===

impl NameResolver {
    /// The words of a table of conventions.
    pub fn compile(conventions: &Conventions) -> Self {
        let providers = &conventions.providers;
        let mut canonical: Vec<Box<str>> = Vec::new();
        let mut aliases = Vec::new();
        for (name, alias) in &providers.names {
            let place = canonical.iter().position(|known| **known == **name).unwrap_or(canonical.len());
            if place == canonical.len() {
                canonical.push(name.as_str().into());
            }
            aliases.push((alias.as_str(), place));
        }
        let set = |words: &[String]| KeywordMap::new(words.iter().map(|word| (word.as_str(), ())));
        Self {
            canonical,
            aliases: KeywordMap::new(aliases),
            suffixes: set(&providers.suffixes),
            frameworks: set(&providers.frameworks),
            exclude_cached: providers.exclude_cached.clone(),
            reasoning_beside: providers.reasoning_beside.clone(),
            models: providers.models.iter().map(|(glob, name)| (glob.clone(), name.as_str().into())).collect(),
            regions: conventions
                .regions
                .iter()
                .map(|(glob, name)| (glob.clone(), name.as_deref().map(Into::into)))
                .collect(),
        }
    }

    /// The provider that `raw` names, else `raw`; where that names nobody, the one whose model it is, or empty.
    pub fn provider<'a>(&'a self, raw: &'a str, model: &str) -> &'a str {
        if let Some(name) = self.known(raw) {
            return name;
        }
        if !raw.is_empty() && self.frameworks.get(raw).is_none() {
            return raw;
        }
        let prefix = model.split_once('/').and_then(|(prefix, _)| self.known(prefix));
        let by_model = || self.models.iter().find(|(glob, _)| glob.fits(model)).map(|(_, name)| &**name);
        prefix.or_else(by_model).unwrap_or_default()
    }

    /// Whether the provider's own input tokens leave out the cached ones.
    pub(super) fn excludes_cached(&self, provider: &str) -> bool {
        self.exclude_cached.iter().any(|name| name == provider)
    }

    /// Whether more reasoning than output is beside it at a provider.
    pub(super) fn has_reasoning_beside(&self, provider: &str) -> bool {
        self.reasoning_beside.iter().any(|name| name == provider)
    }

    /// A model without the name of its own `provider` in front, and out of an ARN that ends with it. What stands there of
    /// another one is part of its name: the `openai/gpt-4o` of a reseller is no `gpt-4o` of OpenAI's.
    pub(super) fn model<'a>(&self, raw: &'a str, provider: &str) -> &'a str {
        if memchr(b'/', raw.as_bytes()).is_none() {
            return raw;
        }
        if raw.starts_with("arn:") {
            return named_by_arn(raw).unwrap_or(raw);
        }
        let model = raw.strip_prefix("models/").unwrap_or(raw);
        let own = |prefix: &str| self.known(prefix).unwrap_or(prefix).eq_ignore_ascii_case(provider);
        match model.split_once('/') {
            Some((prefix, rest)) if !rest.is_empty() && own(prefix) => rest,
            _ => model,
        }
    }

    /// Where the provider ran the call, by the host that was called, or by the ARN of the model.
    pub(super) fn region<'a>(&'a self, host: &'a str, model: &'a str) -> &'a str {
        let by_host = || {
            let fitting = self.regions.iter().filter(|_| !host.is_empty());
            fitting.filter_map(|(glob, name)| glob.capture(host).map(|star| name.as_deref().unwrap_or(star))).next()
        };
        let by_model = || model.strip_prefix("arn:aws:bedrock:")?.split(':').next();
        by_host().or_else(by_model).unwrap_or_default()
    }

    /// The canonical name of a provider, with or without a suffix for its API.
    fn known(&self, raw: &str) -> Option<&str> {
        if raw.is_empty() {
            return None;
        }
        let named = |alias: &str| self.aliases.get(alias).and_then(|place| self.canonical.get(place));
        let before_suffix = || {
            let cuts = raw.match_indices('.').map(|(at, _)| raw.split_at(at));
            cuts.filter(|(_, suffix)| self.suffixes.get(suffix.trim_start_matches('.')).is_some())
                .find_map(|(name, _)| named(name))
        };
        named(raw).or_else(before_suffix).map(|name| &**name)
    }
}

/// The host of an address that may be a whole URL.
pub(super) fn host(address: &str) -> &str {
    if !address.bytes().any(|byte| matches!(byte, b'/' | b':' | b'[' | b'?' | b'#' | b'@')) {
        return address;
    }
    let behind_scheme = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = behind_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.split_once(']') {
        Some((address, _)) => address.trim_start_matches('['),
        None if host.matches(':').count() > 1 => host,
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_have_one_name_and_frameworks_none() {
        let names = NameResolver::compile(&Conventions::embedded());
        for (raw, model, name) in [
            ("OpenAI", "", "openai"),
            ("openai.responses", "", "openai"),
            ("anthropic.messages", "", "anthropic"),
            ("google.vertex.chat", "", "gcp.vertex_ai"),
            ("google.generative-ai", "", "gcp.gemini"),
            ("amazon-bedrock", "", "aws.bedrock"),
            ("AWS", "", "aws.bedrock"),
            ("az.ai.openai", "", "azure.ai.openai"),
            ("azure-openai.chat", "", "azure.ai.openai"),
            ("strands-agents", "us.anthropic.claude-sonnet-4", "aws.bedrock"),
            ("langchain", "claude-sonnet-4-5", "anthropic"),
            ("", "azure/gpt-4o", "azure.ai.openai"),
            ("my-gateway", "gpt-4o", "my-gateway"),
            ("", "my-model", ""),
        ] {
            assert_eq!(names.provider(raw, model), name, "{raw} {model}");
        }
    }

    #[test]
    fn models_lose_the_name_of_their_own_provider_and_of_no_other() {
        let names = NameResolver::compile(&Conventions::embedded());
        let opaque = "arn:aws:bedrock:eu-west-1:123:application-inference-profile/eu.anthropic.claude";
        for (provider, raw, model) in [
            ("gcp.gemini", "models/gemini-2.5-pro", "gemini-2.5-pro"),
            ("openai", "openai/gpt-4o", "gpt-4o"),
            ("x_ai", "x-ai/grok-4", "grok-4"),
            ("my-gateway", "My-Gateway/m", "m"),
            ("openai", "openrouter/openai/gpt-4o", "openrouter/openai/gpt-4o"),
            ("openrouter", "openrouter/anthropic/claude-3.5", "anthropic/claude-3.5"),
            ("openrouter", "openai/gpt-4o", "openai/gpt-4o"),
            ("groq", "openai/gpt-oss-120b", "openai/gpt-oss-120b"),
            ("together_ai", "meta-llama/Llama-3", "meta-llama/Llama-3"),
            ("openai", "openai/", "openai/"),
            (
                "aws.bedrock",
                "arn:aws:bedrock:eu-west-1:123:inference-profile/eu.anthropic.claude",
                "eu.anthropic.claude",
            ),
            ("aws.bedrock", opaque, opaque),
        ] {
            assert_eq!(names.model(raw, provider), model, "{provider} {raw}");
        }
    }

    #[test]
    fn regions_are_those_of_the_provider() {
        let names = NameResolver::compile(&Conventions::embedded());
        for (address, model, region) in [
            ("https://bedrock-runtime.us-east-1.amazonaws.com/model/x", "", "us-east-1"),
            ("europe-west4-aiplatform.googleapis.com:443", "", "europe-west4"),
            ("aiplatform.googleapis.com", "", "global"),
            ("api.openai.com", "", ""),
            ("", "arn:aws:bedrock:eu-west-1:123:inference-profile/x", "eu-west-1"),
            ("http://user@[::1]:9100/v1", "", ""),
        ] {
            assert_eq!(names.region(host(address), model), region, "{address} {model}");
        }
        assert_eq!(host("http://user@[::1]:9100/v1"), "::1");
        assert_eq!(host("http://127.0.0.1:9100/s/"), "127.0.0.1");
    }
}
