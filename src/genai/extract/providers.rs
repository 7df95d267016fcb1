//! Providers, models and regions by one name each.

use memchr::memchr;

use crate::genai::conventions::Conventions;
use crate::genai::keyword_map::KeywordMap;
use crate::glob::Glob;
use crate::pricing::{named_by_arn, provider_of_server};

/// The provider whose API others serve as well.
const OPENAI: &str = "openai";

/// The words for providers, models and regions.
#[derive(Clone, Debug, Default)]
pub struct NameResolver {
    canonical: Vec<Box<str>>,
    /// Alias to place in `canonical`.
    aliases: KeywordMap<usize>,
    /// The same by their letters and digits alone.
    folded: KeywordMap<usize>,
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
        let folds: Vec<(String, usize)> = aliases.iter().map(|(alias, place)| (folded(alias), *place)).collect();
        let set = |words: &[String]| KeywordMap::new(words.iter().map(|word| (word.as_str(), ())));
        Self {
            canonical,
            aliases: KeywordMap::new(aliases),
            folded: KeywordMap::new(folds.iter().map(|(alias, place)| (alias.as_str(), *place))),
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

    /// As [`NameResolver::provider`], of a call of that host. Clients of one provider's API are pointed at the servers of
    /// others, and name the one whose client they are: a host that is known to be another's tells more. One that nobody
    /// knows may be a gateway to OpenAI or a server of models of its own: what OpenAI does not make is not OpenAI's.
    pub fn provider_at<'a>(&'a self, raw: &'a str, model: &str, host: &str) -> &'a str {
        if let Some(provider) = provider_of_server(host) {
            return provider;
        }
        let provider = self.provider(raw, model);
        let compatible = provider == OPENAI && !host.is_empty() && !model.is_empty();
        let foreign = || {
            !self.is_model_of(OPENAI, model)
                && model.split_once('/').is_none_or(|(first, _)| self.known(first) != Some(OPENAI))
        };
        if compatible && foreign() { "" } else { provider }
    }

    /// Whose model it is by its name, of a provider that nobody knows by its own; else empty.
    pub fn vendor<'a>(&'a self, provider: &str, model: &'a str) -> &'a str {
        if provider.is_empty() || self.known(provider).is_some() { "" } else { self.provider("", model) }
    }

    /// Whether a model is named as those of a provider. Open models are anybody's.
    fn is_model_of(&self, provider: &str, model: &str) -> bool {
        let open = ["gpt-oss"].iter().any(|name| model.starts_with(name));
        !open && self.models.iter().any(|(glob, name)| **name == *provider && glob.fits(model))
            || model.starts_with("ft:")
    }

    /// Whether the provider's own input tokens leave out the cached ones.
    pub(super) fn excludes_cached(&self, provider: &str) -> bool {
        self.exclude_cached.iter().any(|name| name == provider)
    }

    /// Whether more reasoning than output is beside it at a provider, or in the answers of a model, whoever serves it.
    pub(super) fn has_reasoning_beside(&self, provider: &str, model: &str) -> bool {
        let beside = |provider: &str| self.reasoning_beside.iter().any(|name| name == provider);
        let own = || model.rsplit('/').next().unwrap_or_default();
        beside(provider) || self.models.iter().any(|(glob, name)| beside(name) && glob.fits(own()))
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
        named(raw).or_else(before_suffix).map(|name| &**name).or_else(|| self.by_letters(raw))
    }

    /// The canonical name of a provider that is spelled otherwise: `Google AI Studio` for `google_ai_studio`, and as in the
    /// names of classes, `ChatMistralAI` and `CohereChatGenerator`.
    fn by_letters(&self, raw: &str) -> Option<&str> {
        let letters = folded(raw);
        let without = CLASS_ENDS.iter().find_map(|end| letters.strip_suffix(end)).unwrap_or(&letters);
        let without = without.strip_prefix("chat").unwrap_or(without);
        let places = [letters.as_str(), without].into_iter().filter(|name| !name.is_empty());
        places.filter_map(|name| self.folded.get(name)).find_map(|place| self.canonical.get(place)).map(|name| &**name)
    }
}

/// What ends the names of classes that call a provider, in small letters.
const CLASS_ENDS: [&str; 9] = [
    "responseschatgenerator",
    "chatgenerator",
    "generator",
    "textembedder",
    "documentembedder",
    "chatmodel",
    "chatcompletionclient",
    "chatclient",
    "chat",
];

/// Longest name that is spelled otherwise, in bytes.
const MAX_SPELLING: usize = 64;

/// The letters and digits of a name, in small letters; none of a long one.
fn folded(name: &str) -> String {
    if name.len() > MAX_SPELLING {
        return String::new();
    }
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| char::from(byte.to_ascii_lowercase())).collect()
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
            ("Google AI Studio", "", "gcp.gemini"),
            ("Amazon Bedrock", "", "aws.bedrock"),
            ("googleai", "", "gcp.gemini"),
            ("azure.ai.agents", "", "azure.ai.inference"),
            ("ChatMistralAI", "", "mistral_ai"),
            ("AmazonBedrockChatGenerator", "", "aws.bedrock"),
            ("OpenAIChatGenerator", "", "openai"),
            ("chat", "", "chat"),
        ] {
            assert_eq!(names.provider(raw, model), name, "{raw} {model}");
        }
    }

    #[test]
    fn a_host_that_is_known_tells_more_than_the_name_of_the_client() {
        let names = NameResolver::compile(&Conventions::embedded());
        for (raw, model, host, name) in [
            ("openai", "deepseek-chat", "api.deepseek.com", "deepseek"),
            ("openai", "llama-3.3-70b-versatile", "api.groq.com", "groq"),
            ("openai", "gpt-4o", "mine.openai.azure.com", "azure.ai.openai"),
            ("openai", "gpt-4o", "api.openai.com", "openai"),
            ("anthropic", "claude-sonnet-4-5", "bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
            ("my-gateway", "gpt-4o", "api.openai.com", "openai"),
            ("openai", "gpt-4o", "gateway.example.com", "openai"),
            ("openai", "openai/gpt-4o", "gateway.example.com", "openai"),
            ("openai", "ft:gpt-4o:org::id", "gateway.example.com", "openai"),
            ("openai", "gpt-4o", "lb-1.eu-west-1.elb.amazonaws.com", "openai"),
            // Served by who knows whom.
            ("openai", "meta-llama/Llama-3.3-70B-Instruct", "vllm.example.com", ""),
            ("openai", "gpt-oss-120b", "10.0.0.5", ""),
            ("openai", "Qwen3-32B", "", "openai"),
            ("my-gateway", "gpt-4o", "gateway.example.com", "my-gateway"),
        ] {
            assert_eq!(names.provider_at(raw, model, host), name, "{raw} {model} {host}");
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
