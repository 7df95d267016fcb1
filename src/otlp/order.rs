//! Requests put in order: the header fields of each message in front of its members.
//!
//! Protocol Buffers lets a field stand anywhere in its message. Where header fields stand between scopes or between spans,
//! whoever reads one span would have to pass over all the others to find its header. No known encoder writes such requests.

use std::borrow::Cow;

use super::fields::{request, resource_spans, scope_spans};
use super::put::put_len;
use super::wire::{Reader, WireError};

/// The fields that lead from a request to its spans.
const PATH: [u32; 3] = [request::RESOURCE_SPANS, resource_spans::SCOPE_SPANS, scope_spans::SPANS];

/// Writes `request` anew, each message with its header fields first. It decodes to the same request and takes no more bytes.
///
/// # Errors
/// When the request is broken outside of spans.
pub fn in_order(request: &[u8]) -> Result<Vec<u8>, WireError> {
    ordered(request, &PATH).map(Cow::into_owned)
}

/// A message with its members, which lie on `path`, behind all other fields.
fn ordered<'a>(message: &'a [u8], path: &[u32]) -> Result<Cow<'a, [u8]>, WireError> {
    let [member, path @ ..] = path else { return Ok(Cow::Borrowed(message)) };
    let (mut header, mut members) = (Vec::new(), Vec::new());
    let mut reader = Reader::new(message);
    while let Some(field) = reader.next_field()? {
        if field.number == *member {
            put_len(&mut members, *member, &ordered(field.value.bytes(field.start)?, path)?);
        } else {
            header.extend_from_slice(message.get(field.start..field.end).unwrap_or_default());
        }
    }
    header.append(&mut members);
    Ok(Cow::Owned(header))
}
