//! What a connection sends, request by request: templates with ids of their own, compressed where asked for.

use std::fs;
use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use libdeflater::{CompressionLvl, Compressor};

use super::spans::{Place, Template, sparse_templates, templates_of};
use super::{Args, Compression, recorded};

/// Bytes in front of a message of gRPC: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// The requests of all connections.
pub struct Traffic {
    templates: Vec<Template>,
    /// With `--open`: how many requests it takes to give each open session of a connection a span.
    blocks: Option<u64>,
    compression: Compression,
    connections: u64,
    /// Made before the start, to be sent in turn; empty where they are made as they are sent.
    prepared: Vec<Bytes>,
}

/// One request.
pub struct Next<'a> {
    /// Its body, framed.
    pub body: Bytes,
    /// Its spans.
    pub places: &'a [Place],
    /// What tells its ids from those of other requests.
    round: u64,
}

// === impl Traffic ===

impl Traffic {
    pub fn new(args: &Args) -> Self {
        let each = args.connections * args.spans;
        // Of so many requests that go to a block, the last one ends its sessions, and the next one opens others.
        let waiting = |open: usize| open * args.session / args.session.saturating_sub(1).max(1);
        let mut traffic = Self {
            templates: match &args.recordings {
                Some(folder) => recorded::templates(args, folder),
                None if args.open.is_some() => sparse_templates(args, args.form),
                None => templates_of(args, args.form),
            },
            blocks: args.open.map(|open| (waiting(open) / each).max(1) as u64),
            compression: args.compression,
            connections: args.connections as u64,
            prepared: Vec::new(),
        };
        if args.prepared > 0 {
            traffic.prepared = match &args.prepared_file {
                Some(file) if file.is_file() => read(file),
                file => traffic.prepare(args, file.as_deref()),
            };
        }
        traffic
    }

    /// The `nth` request of a connection.
    pub fn next(&self, connection: u64, nth: u64, compressor: &mut Compressor) -> Next<'_> {
        let (template, round) = self.template(connection, nth);
        let body = match self.prepared.len() as u64 {
            0 => self.framed(template, round, compressor),
            many => self.prepared[((nth * self.connections + connection) % many) as usize].clone(),
        };
        Next { body, places: &template.places, round }
    }

    fn template(&self, connection: u64, nth: u64) -> (&Template, u64) {
        let many = self.templates.len() as u64;
        let (index, round) = match self.blocks {
            None => (nth % many, nth / many),
            // Each block is a step further than the one before, so that sessions end evenly.
            Some(blocks) => {
                let (block, step) = (nth % blocks, nth / blocks + nth % blocks);
                (step % many, step / many * blocks + block)
            }
        };
        (&self.templates[index as usize], connection << 40 | round)
    }

    fn framed(&self, template: &Template, round: u64, compressor: &mut Compressor) -> Bytes {
        let mut plain = BytesMut::with_capacity(template.body.len() + PREFIX);
        put_prefix(&mut plain, false, template.body.len());
        plain.put_slice(&template.body);
        for place in &template.places {
            let at = PREFIX + place.trace_at;
            plain[at..at + 16].copy_from_slice(&trace_id(round, place.ids.trace));
            if let Some((at, number)) = place.conversation {
                plain[PREFIX + at..PREFIX + at + 32].copy_from_slice(&conversation_id(round, number));
            }
        }
        let packed = match self.compression {
            Compression::None => return plain.freeze(),
            Compression::Gzip => {
                let mut out = vec![0; compressor.gzip_compress_bound(template.body.len())];
                let len = compressor.gzip_compress(&plain[PREFIX..], &mut out).unwrap();
                out.truncate(len);
                out
            }
            Compression::Zstd => zstd::bulk::compress(&plain[PREFIX..], 1).unwrap(),
        };
        let mut body = BytesMut::with_capacity(packed.len() + PREFIX);
        put_prefix(&mut body, true, packed.len());
        body.put_slice(&packed);
        body.freeze()
    }

    /// Makes requests on all cores.
    fn prepare(&self, args: &Args, file: Option<&Path>) -> Vec<Bytes> {
        let threads = std::thread::available_parallelism().unwrap().get();
        let share = |thread: usize| {
            let mut compressor = new_compressor();
            let numbers = args.prepared * thread / threads..args.prepared * (thread + 1) / threads;
            let make = |nth| {
                // A connection of their own, whose number no other has.
                let (template, round) = self.template(u64::from(u16::MAX), nth as u64);
                self.framed(template, round, &mut compressor)
            };
            numbers.map(make).collect::<Vec<_>>()
        };
        let bodies: Vec<Bytes> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        if let Some(file) = file {
            let partial = file.with_extension("partial");
            fs::write(&partial, bodies.concat()).unwrap();
            fs::rename(partial, file).unwrap();
        }
        bodies
    }
}

// === impl Next ===

impl Next<'_> {
    /// Spans in it.
    pub fn spans(&self) -> u64 {
        self.places.len() as u64
    }

    /// The last traces of the sessions whose last span is in it.
    pub fn ended(&self) -> impl Iterator<Item = [u8; 16]> {
        let last = self.places.iter().filter(|place| place.ids.last);
        last.map(|place| trace_id(self.round, place.ids.trace))
    }
}

/// gzip as exporters have it by default.
pub fn new_compressor() -> Compressor {
    Compressor::new(CompressionLvl::new(6).unwrap())
}

fn put_prefix(body: &mut BytesMut, compressed: bool, len: usize) {
    body.put_u8(u8::from(compressed));
    body.put_u32(len as u32);
}

/// Spread over all bits, as random ids are; never zero, which is no id.
fn trace_id(round: u64, trace: usize) -> [u8; 16] {
    let id = (u128::from(round) << 32 | (trace as u128 + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    id.to_be_bytes()
}

/// The same for conversations, as hexadecimal digits.
fn conversation_id(round: u64, number: usize) -> [u8; 32] {
    let id = (u128::from(round) << 32 | (number as u128 + 1)).wrapping_mul(0xd1b5_4a32_d192_ed03_aef1_7502_b325_1cb9);
    let mut digits = [0; 32];
    for (byte, two) in id.to_be_bytes().iter().zip(digits.chunks_exact_mut(2)) {
        let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
        two.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
    }
    digits
}

/// Requests as they were written: each tells its own length, as gRPC has it.
fn read(file: &Path) -> Vec<Bytes> {
    let mut rest = Bytes::from(fs::read(file).unwrap());
    let mut bodies = Vec::new();
    while !rest.is_empty() {
        let len = u32::from_be_bytes(rest[1..PREFIX].try_into().unwrap()) as usize;
        bodies.push(rest.split_to(PREFIX + len));
    }
    bodies
}
