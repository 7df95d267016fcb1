//! Who is meant by a provider's name. A fixed table of whole names, because likeness misleads: `azure.ai.openai` holds
//! `openai` and is billed by another.

use super::servers::host;

/// A provider and what the books call it.
#[derive(Debug)]
pub(super) struct Provider {
    /// Its names: OpenTelemetry's first, then older conventions' and the books'.
    names: &'static [&'static str],
    /// `litellm_provider` of the rows that are its own; a `*` at the end stands for anything.
    rows: &'static [&'static str],
    /// What stands before the `/` of LiteLLM's keys.
    pub(super) prefixes: &'static [&'static str],
    /// Its ids in genai-prices.
    pub(super) genai: &'static [&'static str],
    /// How its models are named.
    pub(super) naming: Naming,
}

/// How a provider's models are named, as far as it matters for finding them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// As they are.
    Plain,
    /// Paths (`publishers/google/models/x`), `@` before a version, `-001` behind.
    Google,
    /// ARNs, routes, regions before the name.
    Bedrock,
    /// `REGION/` before the name where the region is paid for.
    Azure,
}

const fn provider(
    names: &'static [&'static str],
    rows: &'static [&'static str],
    prefixes: &'static [&'static str],
    genai: &'static [&'static str],
    naming: Naming,
) -> Provider {
    Provider { names, rows, prefixes, genai, naming }
}

/// A provider whose rows and prefix in LiteLLM's file have one name.
const fn plain(
    names: &'static [&'static str],
    rows: &'static [&'static str],
    genai: &'static [&'static str],
) -> Provider {
    provider(names, rows, rows, genai, Naming::Plain)
}

/// Those whose names differ between conventions and books. The others are found by the name that a book has for them.
const PROVIDERS: [Provider; 30] = [
    provider(
        &[
            "openai",
            "oai",
            "open_ai",
            "openai-responses",
            "openai_responses",
            "openai_agents",
            "chatopenai",
            "langchain_openai",
        ],
        &["openai", "text-completion-openai"],
        &["openai"],
        &["openai"],
        Naming::Plain,
    ),
    provider(
        &[
            "azure.ai.openai",
            "az.ai.openai",
            "openai.azure",
            "azure",
            "azure_openai",
            "azure-openai",
            "azureopenai",
            "azure_text",
        ],
        &["azure", "azure_text"],
        &["azure", "azure_text"],
        &["azure"],
        Naming::Azure,
    ),
    provider(
        &[
            "azure.ai.inference",
            "az.ai.inference",
            "azure_ai",
            "azure-ai-inference",
            "azure.ai",
            "azure.ai.foundry",
            "microsoft.foundry",
            "azure.ai.agents",
            "az.ai.agents",
            "azure.ai.projects",
        ],
        &["azure_ai", "azure"],
        &["azure_ai", "azure"],
        &["azure"],
        Naming::Azure,
    ),
    plain(&["anthropic", "claude"], &["anthropic"], &["anthropic"]),
    provider(
        &[
            "aws.bedrock",
            "aws bedrock",
            "aws_bedrock",
            "bedrock",
            "amazon_bedrock",
            "amazon-bedrock",
            "bedrock_converse",
            "bedrock_agentcore",
            "bedrock-runtime",
            "chatbedrockconverse",
            "aws",
            "amazon",
            "chatbedrock",
        ],
        &["bedrock*"],
        &["bedrock"],
        &["aws"],
        Naming::Bedrock,
    ),
    provider(&["bedrock_mantle"], &["bedrock*"], &["bedrock_mantle", "bedrock"], &["aws"], Naming::Bedrock),
    provider(
        &[
            "gcp.gemini",
            "gemini",
            "google_ai_studio",
            "google-ai-studio",
            "google_genai",
            "google-genai",
            "google",
            "google.generative-ai",
            "google_generativeai",
            "google_gemini",
            "googlegenai",
            "google-gla",
            "googleai",
        ],
        &["gemini"],
        &["gemini"],
        &["google"],
        Naming::Google,
    ),
    provider(
        &[
            "gcp.vertex_ai",
            "vertex_ai",
            "vertex_ai_beta",
            "vertexai",
            "vertex-ai",
            "google_vertexai",
            "google-vertex",
            "google.vertex",
            "vertex",
            "google-vertex-anthropic",
            "anthropic_vertex",
        ],
        &["vertex_ai*"],
        &["vertex_ai"],
        &["google"],
        Naming::Google,
    ),
    provider(&["gcp.gen_ai", "gcp"], &["gemini", "vertex_ai*"], &["gemini", "vertex_ai"], &["google"], Naming::Google),
    provider(
        &["mistral_ai", "mistral", "mistralai"],
        &["mistral", "codestral", "text-completion-codestral"],
        &["mistral", "codestral"],
        &["mistral"],
        Naming::Plain,
    ),
    plain(&["cohere"], &["cohere"], &["cohere"]),
    plain(&["deepseek", "deep_seek"], &["deepseek"], &["deepseek"]),
    plain(&["groq"], &["groq"], &["groq"]),
    plain(&["x_ai", "xai", "x-ai", "x.ai"], &["xai"], &["x-ai"]),
    plain(&["perplexity", "perplexity_ai"], &["perplexity"], &["perplexity"]),
    plain(&["moonshot_ai", "moonshot", "moonshotai"], &["moonshot"], &["moonshotai"]),
    plain(&["openrouter", "open_router"], &["openrouter"], &["openrouter"]),
    plain(&["together_ai", "together", "togetherai", "together-ai"], &["together_ai"], &["together"]),
    provider(
        &["fireworks_ai", "fireworks", "fireworks-ai"],
        &["fireworks_ai*"],
        &["fireworks_ai"],
        &["fireworks"],
        Naming::Plain,
    ),
    plain(&["cerebras"], &["cerebras"], &["cerebras"]),
    plain(&["voyage", "voyage_ai", "voyageai"], &["voyage"], &["voyageai"]),
    plain(&["dashscope", "alibaba_cloud", "alibaba", "qwen"], &["dashscope"], &[]),
    plain(&["ibm.watsonx.ai", "watsonx", "ibm_watsonx", "ibm", "watson"], &["watsonx"], &[]),
    plain(&["nvidia_nim", "nvidia", "nvidia-nim"], &["nvidia_nim"], &[]),
    plain(&["github_copilot", "github-copilot", "github.copilot"], &["github_copilot"], &["github-copilot"]),
    plain(&["vercel_ai_gateway", "vercel", "vercel.ai_gateway"], &["vercel_ai_gateway"], &[]),
    plain(&["zai", "z_ai", "z.ai"], &["zai"], &["zai"]),
    plain(&["oci", "oci_genai", "oracle.oci"], &["oci"], &[]),
    plain(&["cloudflare", "workers-ai", "cloudflare.workers_ai"], &["cloudflare"], &["cloudflare"]),
    provider(&["ai21", "ai21_chat"], &["ai21*"], &["ai21"], &[], Naming::Plain),
];

/// Servers of models on the user's own machines: what they serve has no list price, whatever its name.
const SELF_HOSTED: [&str; 20] = [
    "ollama",
    "ollama_chat",
    "vllm",
    "hosted_vllm",
    "llama.cpp",
    "llamacpp",
    "llama_cpp",
    "llamafile",
    "lm_studio",
    "lmstudio",
    "lemonade",
    "localai",
    "mlx",
    "sglang",
    "tgi",
    "text-generation-inference",
    "huggingface_tgi",
    "tensorrt_llm",
    "triton",
    "xinference",
];

/// Who sells the models of others at prices of their own, and may be in no book.
const RESELLERS: [&str; 24] = [
    "baseten",
    "chutes",
    "clarifai",
    "deepinfra",
    "friendli",
    "gmi",
    "huggingface",
    "hyperbolic",
    "inceptron",
    "kluster",
    "lambda",
    "lepton",
    "nebius",
    "novita",
    "parasail",
    "phala",
    "replicate",
    "requesty",
    "sambanova",
    "scaleway",
    "siliconflow",
    "targon",
    "venice",
    "wandb",
];

/// What stands for no provider.
const NOBODY: [&str; 5] = ["", "_other", "unknown", "litellm", "litellm_proxy"];

// === impl Provider ===

impl Provider {
    /// The provider of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        PROVIDERS.iter().find(|provider| provider.is_called(name))
    }

    /// All its names.
    pub(super) fn all_names(&self) -> impl Iterator<Item = &'static str> {
        let family = (self.naming == Naming::Google).then_some("google");
        self.names.iter().chain(self.prefixes).copied().chain(family)
    }

    /// Whether that is one of its names, however its words are put together: `Azure OpenAI` for `azure_openai`.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.names.iter().chain(self.prefixes).any(|known| is_spelled_alike(known, name))
    }

    /// Whether a row of LiteLLM's file is one of its own.
    pub(super) fn owns(&self, row: &str) -> bool {
        self.rows.iter().any(|known| match known.strip_suffix('*') {
            Some(begin) => row.starts_with(begin),
            None => row == *known,
        })
    }
}

/// Whether two names have the same letters and digits.
fn is_spelled_alike(known: &str, name: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = u8> {
        name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
    }
    letters(known).eq(letters(name))
}

/// Whether the name says that nobody is known to be the provider.
pub(super) fn is_nobody(name: &str) -> bool {
    NOBODY.iter().any(|nobody| nobody.eq_ignore_ascii_case(name))
}

/// Whether nobody is known by that name.
pub(super) fn is_unknown(name: &str) -> bool {
    Provider::named(name.trim()).is_none() && !RESELLERS.iter().any(|known| known.eq_ignore_ascii_case(name.trim()))
}

/// Whether the model ran on the user's own machine.
pub(super) fn is_self_hosted(provider: &str, address: &str) -> bool {
    let host = host(address);
    let local =
        ["localhost", "::1", "0.0.0.0", "host.docker.internal"].iter().any(|name| host.eq_ignore_ascii_case(name));
    SELF_HOSTED.iter().any(|name| name.eq_ignore_ascii_case(provider)) || local || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_provider() {
        let mut seen: Vec<&str> = Vec::new();
        for name in PROVIDERS.iter().flat_map(|provider| provider.names) {
            assert!(!seen.contains(name) && !is_nobody(name) && !is_self_hosted(name, ""), "{name}");
            seen.push(name);
        }
        assert!(Provider::named("azure.ai.openai").unwrap().owns("azure"));
        assert!(!Provider::named("azure.ai.openai").unwrap().owns("openai"));
        assert!(Provider::named("GCP.Vertex_AI").unwrap().owns("vertex_ai-anthropic_models"));
        assert!(Provider::named("open").is_none());
    }

    #[test]
    fn every_name_that_the_conventions_have_for_a_provider_is_one_of_its_own() {
        let conventions = crate::genai::conventions::Conventions::embedded();
        let mut names = 0;
        for (provider, alias) in &conventions.providers.names {
            let Some(provider) = Provider::named(provider) else { continue };
            // Of Google's three it may be any, before their models it is cut off with the path.
            assert!(provider.is_called(alias) || alias == "google", "{alias}: {provider:?}");
            names += 1;
        }
        assert!(names > 60, "{names}");
    }

    #[test]
    fn what_runs_on_the_own_machine_is_told_by_name_or_address() {
        for local in ["localhost", "http://127.0.0.1:11434/v1", "[::1]:8080", "::1", "LOCALHOST:1"] {
            assert!(is_self_hosted("openai", local), "{local}");
        }
        assert!(!is_self_hosted("openai", "localhost.example.com"));
        assert!(is_self_hosted("Ollama", ""));
    }
}
