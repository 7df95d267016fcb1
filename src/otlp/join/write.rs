//! A plan cut into chunks, and a chunk written: every length is known before its bytes.

use std::ops::Range as Indices;

use super::plan::{Plan, Resource, Scope};
use crate::otlp::fields::{request, resource_spans, scope_spans};
use crate::otlp::put::{put_tag, put_varint, varint_len};
use crate::otlp::walk::{Header, HeaderBytes, HeaderFields, Range};

/// Some lines of a plan, in its order, with the lengths of what holds them.
#[derive(Default)]
pub(super) struct Chunk {
    sections: Vec<Section>,
    size: usize,
    spans: u64,
    span_bytes: u64,
}

/// One `ResourceSpans` of a chunk.
struct Section {
    resource: usize,
    /// Length of the message.
    body: usize,
    parts: Vec<Part>,
}

/// One `ScopeSpans` of a section.
struct Part {
    scope: usize,
    /// Which of the scope's lines.
    lines: Indices<usize>,
    /// Length of the message.
    body: usize,
}

/// The lengths of a chunk with one more line.
struct Grown {
    size: usize,
    section: usize,
    part: usize,
    /// The line's resource or scope is not what the chunk ends with.
    opens: (bool, bool),
}

// === impl Plan ===

impl Plan<'_> {
    /// Cuts the plan into chunks of at most `max_bytes`, as [`super::join`] promises.
    pub(super) fn cut(&self, max_bytes: usize, emit: &mut dyn FnMut(&Chunk)) {
        let mut chunk = Chunk::default();
        for (at, resource) in self.resources.iter().enumerate() {
            for (scope_at, scope) in resource.scopes.iter().filter_map(|at| Some((*at, self.scopes.get(*at)?))) {
                let headers = resource.header.len() + scope.header.len();
                for (line_at, line) in scope.lines.iter().enumerate() {
                    let mut grown = chunk.grown((at, resource), (scope_at, scope), line.len);
                    let alone = chunk.is_only(scope_at);
                    let fits = grown.size <= max_bytes || alone && grown.size <= headers.saturating_mul(2);
                    if !fits && chunk.spans > 0 {
                        emit(&chunk);
                        chunk = Chunk::default();
                        grown = chunk.grown((at, resource), (scope_at, scope), line.len);
                    }
                    chunk.push(at, scope_at, line_at, grown);
                    chunk.span_bytes += line.span.len() as u64;
                }
            }
        }
        if chunk.spans > 0 {
            emit(&chunk);
        }
    }
}

// === impl Chunk ===

impl Chunk {
    /// Bytes that it will have.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Spans in it.
    pub(super) fn spans(&self) -> u64 {
        self.spans
    }

    /// Their bytes as they came.
    pub(super) fn span_bytes(&self) -> u64 {
        self.span_bytes
    }

    /// Whether all of it is of one scope, and that one.
    fn is_only(&self, scope: usize) -> bool {
        match self.sections.as_slice() {
            [section] => matches!(section.parts.as_slice(), [part] if part.scope == scope),
            _ => false,
        }
    }

    fn grown(&self, resource: (usize, &Resource<'_>), scope: (usize, &Scope<'_>), line: usize) -> Grown {
        let section = self.sections.last().filter(|section| section.resource == resource.0);
        let part = section.and_then(|section| section.parts.last()).filter(|part| part.scope == scope.0);
        let opens = (section.is_none(), part.is_none());
        let (section, part) = (section.map(|section| section.body), part.map(|part| part.body));
        let grown_part = part.unwrap_or(scope.1.header.len()) + field_len(line);
        let others = section.unwrap_or(resource.1.header.len()) - part.map_or(0, field_len);
        let grown_section = others + field_len(grown_part);
        let size = self.size - section.map_or(0, field_len) + field_len(grown_section);
        Grown { size, section: grown_section, part: grown_part, opens }
    }

    fn push(&mut self, resource: usize, scope: usize, line: usize, grown: Grown) {
        if grown.opens.0 {
            self.sections.push(Section { resource, body: 0, parts: Vec::new() });
        }
        let Some(section) = self.sections.last_mut() else { return };
        if grown.opens.1 {
            section.parts.push(Part { scope, lines: line..line, body: 0 });
        }
        if let Some(part) = section.parts.last_mut() {
            part.lines.end = line + 1;
            part.body = grown.part;
        }
        section.body = grown.section;
        self.size = grown.size;
        self.spans += 1;
    }

    /// Appends the chunk to `out`. Calls `tell` for each span with its piece, its header in `out` and its range there.
    pub(super) fn write(&self, plan: &Plan<'_>, out: &mut Vec<u8>, tell: &mut dyn FnMut(usize, &Header, Range)) {
        for section in &self.sections {
            let Some(resource) = plan.resources.get(section.resource) else { continue };
            let message = open(out, request::RESOURCE_SPANS, section.body);
            let written = put_header(out, resource.header, message);
            for part in &section.parts {
                if let Some(scope) = plan.scopes.get(part.scope) {
                    write_scope(out, scope, part, written, tell);
                }
            }
        }
    }
}

fn write_scope(
    out: &mut Vec<u8>,
    scope: &Scope<'_>,
    part: &Part,
    resource: HeaderFields,
    tell: &mut dyn FnMut(usize, &Header, Range),
) {
    let message = open(out, resource_spans::SCOPE_SPANS, part.body);
    let header = Header { resource, scope: put_header(out, scope.header, message) };
    for line in scope.lines.get(part.lines.clone()).unwrap_or_default() {
        let span = open(out, scope_spans::SPANS, line.len);
        // It was read once already, to know its length: there is no error to be met.
        let _ = line.kept(&mut |run| out.extend_from_slice(run));
        out.extend_from_slice(line.append);
        tell(line.piece, &header, span);
    }
}

/// Writes the header fields of `message` in front of its members.
fn put_header(out: &mut Vec<u8>, header: HeaderBytes<'_>, message: Range) -> HeaderFields {
    header.parts().into_iter().for_each(|part| out.extend_from_slice(part));
    HeaderFields::in_front(message, cut(header.len()))
}

/// Writes tag and length of a field. Returns the range that its body of `len` bytes will take.
fn open(out: &mut Vec<u8>, number: u32, len: usize) -> Range {
    put_tag(out, number, 2);
    put_varint(out, len as u64);
    Range { start: cut(out.len()), len: cut(len) }
}

/// Bytes of a length-delimited field with `body` bytes; the numbers in use take one byte.
fn field_len(body: usize) -> usize {
    1 + varint_len(body as u64) + body
}

fn cut(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
