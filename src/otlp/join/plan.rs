//! Which spans go under which resource and scope, and how long everything will be.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};

use super::piece::{Piece, Unjoined};
use crate::otlp::fields::{key_value, resource_spans, scope_spans, span};
use crate::otlp::walk::{self, Header, HeaderBytes, HeaderFields};
use crate::otlp::wire::{Field, Reader, Value, WireError, fields};

/// Pieces grouped by equal resources, and within them by equal scopes.
pub(super) struct Plan<'a> {
    pub(super) resources: Vec<Resource<'a>>,
    pub(super) scopes: Vec<Scope<'a>>,
    unjoined: Unjoined,
}

/// One `ResourceSpans` to be written.
pub(super) struct Resource<'a> {
    /// All fields but `scope_spans`.
    pub(super) header: HeaderBytes<'a>,
    hash: u64,
    /// Its scopes, in the order of their first span.
    pub(super) scopes: Vec<usize>,
}

/// One `ScopeSpans` to be written.
pub(super) struct Scope<'a> {
    resource: usize,
    /// All fields but `spans`.
    pub(super) header: HeaderBytes<'a>,
    hash: u64,
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

/// Builds a [`Plan`]. Groups are found by place, and those that were not read before by content.
struct Planner<'a> {
    plan: Plan<'a>,
    /// Seed of the hashes of headers.
    seed: u64,
    resources_at: HashMap<(Segment, HeaderFields), Option<usize>, RandomState>,
    scopes_at: HashMap<(Segment, Header), Option<usize>, RandomState>,
    last: Option<((Segment, Header), Option<usize>)>,
    equal_resources: HashTable<usize>,
    equal_scopes: HashTable<usize>,
}

/// Address and length of a segment.
type Segment = (usize, usize);

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
            seed: hasher.hash_one(0),
            resources_at: HashMap::with_hasher(hasher.clone()),
            scopes_at: HashMap::with_hasher(hasher),
            last: None,
            equal_resources: HashTable::new(),
            equal_scopes: HashTable::new(),
        }
    }

    /// Puts a piece under its resource and scope. Returns `None` when its offsets do not name a span there.
    fn add(&mut self, at: usize, piece: &Piece<'a>) -> Option<()> {
        let scope = self.scope_of(piece)?;
        let place = walk::Range { start: piece.start, len: piece.len };
        if !piece.header.scope.has_member(place) {
            return None;
        }
        let line = Line::new(at, piece, place.of(piece.segment)?)?;
        self.plan.scopes.get_mut(scope)?.lines.push(line);
        Some(())
    }

    fn scope_of(&mut self, piece: &Piece<'a>) -> Option<usize> {
        let segment = (piece.segment.as_ptr() as usize, piece.segment.len());
        let key = (segment, piece.header);
        if let Some((last, group)) = self.last
            && last == key
        {
            return group;
        }
        let group = match self.scopes_at.get(&key) {
            Some(group) => *group,
            None => {
                let group = self.open_scope(segment, piece);
                self.scopes_at.insert(key, group);
                group
            }
        };
        self.last = Some((key, group));
        group
    }

    fn open_scope(&mut self, segment: Segment, piece: &Piece<'a>) -> Option<usize> {
        let Header { resource: around, scope: own } = piece.header;
        let resource = match self.resources_at.get(&(segment, around)) {
            Some(group) => *group,
            None => {
                let group = header(piece.segment, around, resource_spans::SCOPE_SPANS).map(|it| self.resource(it));
                self.resources_at.insert((segment, around), group);
                group
            }
        }?;
        if !around.encloses(own) {
            return None;
        }
        self.scope(resource, header(piece.segment, own, scope_spans::SPANS)?)
    }

    /// The group of resources with this header.
    fn resource(&mut self, header: HeaderBytes<'a>) -> usize {
        let (groups, hash) = (&mut self.plan.resources, header.hash(self.seed));
        let equal = |group: &usize| groups.get(*group).is_some_and(|group| group.header == header);
        let known = |group: &usize| groups.get(*group).map_or(0, |group| group.hash);
        let next = groups.len();
        let group = *self.equal_resources.entry(hash, equal, known).or_insert(next).get();
        if group == next {
            groups.push(Resource { header, hash, scopes: Vec::new() });
        }
        group
    }

    /// The group of scopes with this header under a resource.
    fn scope(&mut self, resource: usize, header: HeaderBytes<'a>) -> Option<usize> {
        let hash = header.hash(self.seed.wrapping_add(resource as u64));
        let groups = &mut self.plan.scopes;
        let equal = |group: &usize| {
            groups.get(*group).is_some_and(|group| group.resource == resource && group.header == header)
        };
        let known = |group: &usize| groups.get(*group).map_or(0, |group| group.hash);
        let next = groups.len();
        let group = *self.equal_scopes.entry(hash, equal, known).or_insert(next).get();
        if group == next {
            groups.push(Scope { resource, header, hash, lines: Vec::new() });
            self.plan.resources.get_mut(resource)?.scopes.push(next);
        }
        Some(group)
    }
}

// === parts ===

/// The header fields at `place`; `None` when they are not well-formed, or have a field `member` among them.
fn header(segment: &[u8], place: HeaderFields, member: u32) -> Option<HeaderBytes<'_>> {
    let header = place.of(segment)?;
    for part in header.parts() {
        let mut reader = Reader::new(part);
        while let Some(field) = reader.next_field().ok()? {
            if field.number == member {
                return None;
            }
        }
    }
    Some(header)
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
