//! Whose server it is, by its name.

/// Which provider a server belongs to, by the end of its name. Bedrock's are told by [`is_bedrock`].
const SERVERS: [(&str, &str); 44] = [
    ("api.openai.com", "openai"),
    (".openai.azure.com", "azure.ai.openai"),
    (".openai.azure.us", "azure.ai.openai"),
    (".openai.azure.cn", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.inference"),
    (".models.ai.azure.com", "azure.ai.inference"),
    (".inference.ml.azure.com", "azure.ai.inference"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    (".rep.googleapis.com", "gcp.vertex_ai"),
    ("api.mistral.ai", "mistral_ai"),
    ("codestral.mistral.ai", "mistral_ai"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.x.ai", "x_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("openrouter.ai", "openrouter"),
    ("api.together.xyz", "together_ai"),
    ("api.together.ai", "together_ai"),
    ("api.fireworks.ai", "fireworks_ai"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.cerebras.ai", "cerebras"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("dashscope.aliyuncs.com", "dashscope"),
    ("dashscope-intl.aliyuncs.com", "dashscope"),
    ("api.z.ai", "zai"),
    ("open.bigmodel.cn", "zai"),
    ("api.minimax.io", "minimax"),
    ("api.minimaxi.com", "minimax"),
    ("api.sambanova.ai", "sambanova"),
    ("api.deepinfra.com", "deepinfra"),
    ("api.novita.ai", "novita"),
    ("api.hyperbolic.xyz", "hyperbolic"),
    ("api.studio.nebius.com", "nebius"),
    ("api.studio.nebius.ai", "nebius"),
    ("integrate.api.nvidia.com", "nvidia_nim"),
    ("router.huggingface.co", "huggingface"),
    ("ai-gateway.vercel.sh", "vercel_ai_gateway"),
    ("api.githubcopilot.com", "github_copilot"),
    ("api.voyageai.com", "voyage"),
];

const BEDROCK: &str = "aws.bedrock";
/// How the names of Bedrock's services begin.
const BEDROCK_LABEL: &str = "bedrock";

/// The provider that a server belongs to, by its address; `None` where that is not known.
pub fn of_server(address: &str) -> Option<&'static str> {
    let host = host(address);
    if is_bedrock(host) {
        return Some(BEDROCK);
    }
    SERVERS.iter().find(|(end, _)| ends_with(host, end)).map(|(_, name)| *name)
}

/// Whether a host is one of Bedrock's: `bedrock-runtime.eu-west-1.amazonaws.com`, `bedrock-mantle.us-east-1.api.aws`, or an
/// endpoint of one in a network of the user's own.
fn is_bedrock(host: &str) -> bool {
    let of_aws = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|end| ends_with(host, end));
    let service =
        |label: &str| label.get(..BEDROCK_LABEL.len()).is_some_and(|it| it.eq_ignore_ascii_case(BEDROCK_LABEL));
    of_aws && host.split('.').any(service)
}

/// The region that the name of a server tells: OpenAI's `eu.api.openai.com`.
pub(super) fn region_of_server(address: &str) -> Option<&str> {
    let (region, rest) = host(address).split_once('.')?;
    rest.eq_ignore_ascii_case("api.openai.com").then_some(region)
}

/// The host of an address: without scheme, path and port.
pub(super) fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or_default();
    match rest.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None if rest.matches(':').count() == 1 => rest.split(':').next().unwrap_or_default(),
        None => rest,
    }
}

/// Whether a host is a name or beneath it.
fn ends_with(host: &str, end: &str) -> bool {
    let Some(at) = host.len().checked_sub(end.len()) else { return false };
    let same = host.get(at..).is_some_and(|tail| tail.eq_ignore_ascii_case(end));
    let whole = at == 0 || end.starts_with('.') || host.as_bytes().get(at - 1).is_some_and(|byte| b".-".contains(byte));
    same && whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_by_their_whole_name() {
        assert_eq!(of_server("https://api.openai.com:443/v1"), Some("openai"));
        assert_eq!(of_server("eu.api.openai.com"), Some("openai"));
        assert_eq!(region_of_server("https://eu.api.openai.com/v1"), Some("eu"));
        assert_eq!(region_of_server("eu.example.com"), None);
        assert_eq!(of_server("us-east5-aiplatform.googleapis.com"), Some("gcp.vertex_ai"));
        assert_eq!(of_server("mine.openai.azure.com"), Some("azure.ai.openai"));
        for bedrock in [
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/x",
            "bedrock-mantle.us-east-1.api.aws",
            "vpce-1-a.bedrock-runtime.us-east-1.vpce.amazonaws.com",
        ] {
            assert_eq!(of_server(bedrock), Some("aws.bedrock"), "{bedrock}");
        }
        assert_eq!(of_server("lb-1.eu-west-1.elb.amazonaws.com"), None);
        assert_eq!(of_server("notapi.openai.com.example.com"), None);
        assert_eq!(of_server("xapi.openai.com"), None);
    }
}
