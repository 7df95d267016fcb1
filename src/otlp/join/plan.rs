//! Which spans go under which resource and scope, and how long everything will be.

use std::borrow::Cow;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};
use std::hash::BuildHasher;

use super::{Piece, Unjoined};
use crate::otlp::fields::{key_value, request, resource_spans, scope_spans, span};
use crate::otlp::wire::fields;
use crate::otlp::wire::{Field, Reader, Value, WireError};

/// Pieces grouped by equal resources, and within them by equal scopes.
pub(super) struct Plan<'a> {
    pub(super) resources: Vec<Resource<'a>>,
    pub(super) scopes: Vec<Scope<'a>>,
    unjoined: Unjoined,
}

/// One `ResourceSpans` to be written.
pub(super) struct Resource<'a> {
    /// All fields but `scope_spans`.
    pub(super) header: Cow<'a, [u8]>,
    /// Its scopes, in the order of their first span.
    pub(super) scopes: Vec<usize>,
}

/// One `ScopeSpans` to be written.
pub(super) struct Scope<'a> {
    resource: usize,
    /// All fields but `spans`.
    pub(super) header: Cow<'a, [u8]>,
    pub(super) lines: Vec<Line<'a>>,
}

/// One span to be written.
pub(super) struct Line<'a> {
    /// Which piece it is.
    pub(super) piece: usize,
    /// The span as it came.
    pub(super) span: &'a [u8],
    pub(super) without: &'a [&'a str],
    pub(super) append: &'a [u8],
    /// Bytes that it will have.
    pub(super) len: usize,
}

/// Builds a [`Plan`]: remembers what was read, by place and by content.
struct Planner<'a> {
    plan: Plan<'a>,
    hasher: RandomState,
    resources_at: HashMap<Spot, Option<Found>, RandomState>,
    scopes_at: HashMap<(Spot, u32), Option<Found>, RandomState>,
    last: Option<((Spot, u32), Option<Found>)>,
    equal_resources: HashTable<usize>,
    equal_scopes: HashTable<usize>,
}

/// Address and length of a segment, and the offset of a `resource_spans` field in it.
type Spot = (usize, usize, u32);

/// A group, and the range of the field in the segment that opened it.
#[derive(Clone)]
struct Found {
    group: usize,
    field: Range<usize>,
}

// === impl Plan ===

impl<'a> Plan<'a> {
    pub(super) fn new(pieces: &[Piece<'a>]) -> Self {
        let mut planner = Planner::new();
        for (at, piece) in pieces.iter().enumerate() {
            if planner.add(at, piece).is_none() {
                planner.plan.unjoined.spans += 1;
                planner.plan.unjoined.span_bytes += u64::from(piece.len);
            }
        }
        planner.plan
    }

    /// The pieces that have no place in it.
    pub(super) fn unjoined(&self) -> Unjoined {
        self.unjoined
    }
}

// === impl Line ===

impl<'a> Line<'a> {
    fn new(at: usize, piece: &Piece<'a>, span: &'a [u8]) -> Option<Self> {
        let mut line = Self { piece: at, span, without: piece.without, append: piece.append, len: piece.append.len() };
        let mut kept = 0;
        line.kept(&mut |run| kept += run.len()).ok()?;
        line.len += kept;
        Some(line)
    }

    /// The span's bytes but for the attributes that are left out, in runs as long as can be.
    pub(super) fn kept(&self, run: &mut dyn FnMut(&'a [u8])) -> Result<(), WireError> {
        match self.without {
            [] => {
                run(self.span);
                Ok(())
            }
            keys => runs(self.span, |field| !is_attribute_of(field, keys), run),
        }
    }
}

/// Whether the field of a span is an attribute with one of `keys`.
fn is_attribute_of(field: &Field<'_>, keys: &[&str]) -> bool {
    match field.value {
        Value::Len(attribute) if field.number == span::ATTRIBUTES => {
            let key = fields(attribute, key_value::KEY).last().unwrap_or_default();
            keys.iter().any(|wanted| wanted.as_bytes() == key)
        }
        _ => false,
    }
}

// === impl Planner ===

impl<'a> Planner<'a> {
    fn new() -> Self {
        let hasher = RandomState::default();
        Self {
            plan: Plan { resources: Vec::new(), scopes: Vec::new(), unjoined: Unjoined::default() },
            resources_at: HashMap::with_hasher(hasher.clone()),
            scopes_at: HashMap::with_hasher(hasher.clone()),
            hasher,
            last: None,
            equal_resources: HashTable::new(),
            equal_scopes: HashTable::new(),
        }
    }

    /// Puts a piece under its resource and scope; `None` when its offsets do not name a span there.
    fn add(&mut self, at: usize, piece: &Piece<'a>) -> Option<()> {
        let scope = self.scope_of(piece)?;
        let start = piece.start as usize;
        let end = start.checked_add(piece.len as usize)?;
        if start < scope.field.start || end > scope.field.end {
            return None;
        }
        let line = Line::new(at, piece, piece.segment.get(start..end)?)?;
        self.plan.scopes.get_mut(scope.group)?.lines.push(line);
        Some(())
    }

    fn scope_of(&mut self, piece: &Piece<'a>) -> Option<Found> {
        let spot = (piece.segment.as_ptr() as usize, piece.segment.len(), piece.resource_spans);
        let key = (spot, piece.scope_spans);
        if let Some((last, found)) = &self.last
            && *last == key
        {
            return found.clone();
        }
        let found = match self.scopes_at.get(&key) {
            Some(found) => found.clone(),
            None => {
                let found = self.open_scope(spot, piece);
                self.scopes_at.insert(key, found.clone());
                found
            }
        };
        self.last = Some((key, found.clone()));
        found
    }

    fn open_scope(&mut self, spot: Spot, piece: &Piece<'a>) -> Option<Found> {
        let resource = match self.resources_at.get(&spot) {
            Some(found) => found.clone(),
            None => {
                let found = self.open_resource(piece);
                self.resources_at.insert(spot, found.clone());
                found
            }
        }?;
        let (field, body) = message(piece.segment, piece.scope_spans, resource_spans::SCOPE_SPANS)?;
        if field.start < resource.field.start || field.end > resource.field.end {
            return None;
        }
        let header = header(body, scope_spans::SPANS, piece.headers_first)?;
        let group = self.scope_group(resource.group, header)?;
        Some(Found { group, field })
    }

    fn open_resource(&mut self, piece: &Piece<'a>) -> Option<Found> {
        let (field, body) = message(piece.segment, piece.resource_spans, request::RESOURCE_SPANS)?;
        let header = header(body, resource_spans::SCOPE_SPANS, piece.headers_first)?;
        let (groups, hasher) = (&mut self.plan.resources, &self.hasher);
        let hash = |group: &usize| groups.get(*group).map_or(0, |group| hasher.hash_one(&group.header));
        let equal = |group: &usize| groups.get(*group).is_some_and(|group| group.header == header);
        let entry = self.equal_resources.entry(hasher.hash_one(&header), equal, hash);
        let next = groups.len();
        let group = *entry.or_insert(next).get();
        if group == next {
            groups.push(Resource { header, scopes: Vec::new() });
        }
        Some(Found { group, field })
    }

    fn scope_group(&mut self, resource: usize, header: Cow<'a, [u8]>) -> Option<usize> {
        let (groups, hasher) = (&mut self.plan.scopes, &self.hasher);
        let hash =
            |group: &usize| groups.get(*group).map_or(0, |group| hasher.hash_one((group.resource, &group.header)));
        let equal = |group: &usize| {
            groups.get(*group).is_some_and(|group| group.resource == resource && group.header == header)
        };
        let entry = self.equal_scopes.entry(hasher.hash_one((resource, &header)), equal, hash);
        let next = groups.len();
        let group = *entry.or_insert(next).get();
        if group == next {
            groups.push(Scope { resource, header, lines: Vec::new() });
            self.plan.resources.get_mut(resource)?.scopes.push(next);
        }
        Some(group)
    }
}

// === parts ===

/// The length-delimited field `number` at `offset`: its range in the segment, and its body.
fn message(segment: &[u8], offset: u32, number: u32) -> Option<(Range<usize>, &[u8])> {
    let offset = offset as usize;
    let field = Reader::new(segment.get(offset..)?).next_field().ok()??;
    match field.value {
        Value::Len(body) if field.number == number => Some((offset..offset.checked_add(field.end)?, body)),
        _ => None,
    }
}

/// The header of the message at `offset`, as it is written out: all its fields but field `but`. With `first`, all of it is
/// known to stand in front.
pub(super) fn header_at(segment: &[u8], offset: u32, number: u32, but: u32, first: bool) -> Option<Cow<'_, [u8]>> {
    header(message(segment, offset, number)?.1, but, first)
}

/// All fields of a message but field `but`: borrowed when they stand together, as they mostly do.
fn header(body: &[u8], but: u32, first: bool) -> Option<Cow<'_, [u8]>> {
    if first {
        return front(body, but).map(Cow::Borrowed);
    }
    let mut header = Cow::Borrowed(&[][..]);
    let append = &mut |run| match header.is_empty() {
        true => header = Cow::Borrowed(run),
        false => header.to_mut().extend_from_slice(run),
    };
    runs(body, |field| field.number != but, append).ok()?;
    Some(header)
}

/// All fields of a message in front of the first field `but`.
fn front(body: &[u8], but: u32) -> Option<&[u8]> {
    let mut reader = Reader::new(body);
    while let Some(field) = reader.next_field().ok()? {
        if field.number == but {
            return body.get(..field.start);
        }
    }
    Some(body)
}

/// Hands over the fields that `keep` wants, neighbours in one run.
fn runs<'a>(body: &'a [u8], keep: impl Fn(&Field<'a>) -> bool, run: &mut dyn FnMut(&'a [u8])) -> Result<(), WireError> {
    let mut reader = Reader::new(body);
    let mut from = 0;
    while let Some(field) = reader.next_field()? {
        if !keep(&field) {
            hand_over(body, from..field.start, run);
            from = field.end;
        }
    }
    hand_over(body, from..body.len(), run);
    Ok(())
}

fn hand_over<'a>(body: &'a [u8], range: Range<usize>, run: &mut dyn FnMut(&'a [u8])) {
    if let Some(bytes @ [_, ..]) = body.get(range) {
        run(bytes);
    }
}
