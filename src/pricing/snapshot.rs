//! The price books that are embedded in the binary, as they were published; `config/prices/README.md` tells whence they
//! are.

use super::nouns::Source;

/// The files, compressed with zstd.
const LITELLM: &[u8] = include_bytes!("../../config/prices/litellm-1.109.1.json.zst");
const GENAI: &[u8] = include_bytes!("../../config/prices/genai-prices-0.2.3.json.zst");

/// The day up to which their prices are, at least.
pub const DATE: &str = "2026-11-20";
/// Largest text of one.
const MAX_TEXT: usize = 16 << 20;

/// The text of an embedded book.
pub(super) fn text(source: Source) -> Result<String, String> {
    let compressed = match source {
        Source::Litellm => LITELLM,
        Source::Genai => GENAI,
        Source::Override => return Err("is not embedded: the user's own prices come from a file".into()),
    };
    let bytes = zstd::bulk::decompress(compressed, MAX_TEXT).map_err(|error| format!("is damaged: {error}"))?;
    String::from_utf8(bytes).map_err(|error| format!("is damaged: {error}"))
}
