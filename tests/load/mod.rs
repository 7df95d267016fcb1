//! Traffic in bulk: sessions whose spans are copied from templates with their ids patched, so that making them costs the
//! test next to nothing.
#![allow(dead_code, reason = "each proof uses a part of it")]

use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message;
use tailsieve::otlp::put::{put_len, put_message};

use super::support::spans::{EPOCH, MS, Made, attribute};

/// A small fast sequence of numbers that look random, the same in every run.
pub struct Dice(u64);

/// Spans to copy.
pub struct Templates {
    spans: Vec<Template>,
    resource: Vec<u8>,
}

/// An encoded span and where its ids stand in it.
struct Template {
    bytes: Vec<u8>,
    trace_id: usize,
    span_id: usize,
    parent_id: usize,
}

/// A session that is being sent.
#[derive(Clone, Debug)]
pub struct Session {
    trace_id: [u8; 16],
    /// Spans sent so far, and in all.
    pub sent: u64,
    pub spans: u64,
}

/// One request.
#[derive(Clone, Debug, Default)]
pub struct Load {
    pub body: Vec<u8>,
    pub spans: u64,
    /// Bytes of the `Span` messages.
    pub span_bytes: u64,
}

// === impl Dice ===

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// splitmix64, <https://prng.di.unimi.it/splitmix64.c>
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range, its end left out.
    pub fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.roll() % (range.end - range.start)
    }
}

// === impl Templates ===

impl Templates {
    /// Spans of about `bytes`, with texts as prompts and answers are; of 0, with nothing but ids and times.
    pub fn new(bytes: std::ops::Range<u64>) -> Self {
        let mut dice = Dice::new(1);
        let spans = (0..32).map(|_| Template::new(dice.within(bytes.clone()) as usize, &mut dice)).collect();
        let mut resource = Vec::new();
        let attributes = vec![attribute("service.name", "load"), attribute("telemetry.sdk.language", "rust")];
        let described = opentelemetry_proto::tonic::resource::v1::Resource { attributes, ..Default::default() };
        put_len(&mut resource, 1, &described.encode_to_vec());
        Self { spans, resource }
    }

    /// A session of so many spans.
    pub fn session(&self, spans: u64, dice: &mut Dice) -> Session {
        let id = (u128::from(dice.roll()) << 64) | u128::from(dice.roll() | 1);
        Session { trace_id: id.to_be_bytes(), sent: 0, spans }
    }

    /// A request with the next `spans` spans of each of `sessions`. The first span of a session is its root, and the
    /// others are its children.
    pub fn request(&self, sessions: &mut [&mut Session], spans: u64, dice: &mut Dice) -> Load {
        let mut load = Load::default();
        let Load { body, spans: count, span_bytes } = &mut load;
        put_message(body, 1, |body| {
            body.extend_from_slice(&self.resource);
            put_message(body, 2, |body| {
                for session in sessions {
                    for _ in 0..spans.min(session.spans - session.sent) {
                        let template = &self.spans[dice.within(0..self.spans.len() as u64) as usize];
                        *count += 1;
                        *span_bytes += template.put(body, session);
                    }
                }
            });
        });
        load
    }
}

// === impl Template ===

impl Template {
    fn new(bytes: usize, dice: &mut Dice) -> Self {
        let text: String = (0..bytes).map(|_| char::from(b' ' + (dice.roll() % 90) as u8)).collect();
        let (prompt, answer) = text.split_at(bytes / 2);
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            parent_span_id: vec![4; 8],
            name: "chat".into(),
            kind: 3,
            start_time_unix_nano: EPOCH,
            end_time_unix_nano: EPOCH + MS,
            status: Some(Status::default()),
            ..Span::default()
        };
        let bytes = match bytes {
            0 => span.encode_to_vec(),
            _ => {
                let span = span.with("gen_ai.request.model", "gpt-5").with("gen_ai.usage.input_tokens", 100);
                span.with("gen_ai.prompt", prompt).with("gen_ai.completion", answer).encode_to_vec()
            }
        };
        let at = |id: &[u8]| bytes.windows(id.len()).position(|window| window == id).unwrap();
        let (trace_id, span_id, parent_id) = (at(&[1; 16]), at(&[2; 8]), at(&[4; 8]));
        Self { bytes, trace_id, span_id, parent_id }
    }

    /// Writes it as the next span of `session`; the length of the `Span`.
    fn put(&self, body: &mut Vec<u8>, session: &mut Session) -> u64 {
        let start = body.len();
        put_len(body, 2, &self.bytes);
        let start = start + (body.len() - start - self.bytes.len());
        session.sent += 1;
        let (number, parent) = (session.sent.to_be_bytes(), u64::from(session.sent > 1).to_be_bytes());
        for (at, id) in [(self.trace_id, &session.trace_id[..]), (self.span_id, &number), (self.parent_id, &parent)] {
            body[start + at..start + at + id.len()].copy_from_slice(id);
        }
        self.bytes.len() as u64
    }
}

// === impl Session ===

impl Session {
    /// Whether all of it was sent.
    pub fn is_done(&self) -> bool {
        self.sent == self.spans
    }
}
