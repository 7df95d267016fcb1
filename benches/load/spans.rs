//! The spans: of the size and shape of LLM and agent traces, encoded once, with the places of their ids known.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

// `benches/parts.rs` includes this file, too. Only by path does it find the files beside this one.
#[path = "content.rs"]
mod content;
#[path = "dice.rs"]
mod dice;
#[path = "envelope.rs"]
mod envelope;
#[path = "session.rs"]
mod session;

use super::Args;
use dice::Dice;
pub use envelope::Form;
use session::Step;

/// Least different requests that are sent in turn, and least spans in all of them: small requests shall not mean few
/// sessions.
const TEMPLATES: usize = 8;
const ROUND: usize = 4096;
/// Mean number of sessions in a round of made-up spans, so that each round has the rarest error once.
const SESSIONS: usize = 256;

/// One request, and where the ids of its spans are.
pub struct Template {
    /// The encoded request.
    pub body: Vec<u8>,
    /// Its spans in their order.
    pub places: Vec<Place>,
}

/// A span of a template.
#[derive(Clone, Copy)]
pub struct Place {
    /// Offset of its trace id.
    pub trace_at: usize,
    /// Offset of its conversation id, and the number of the conversation.
    pub conversation: Option<(usize, usize)>,
    /// Its ids.
    pub ids: Ids,
}

/// The ids of a span, as numbers within a round.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    /// Its trace.
    pub trace: usize,
    /// The conversation that it names.
    pub conversation: Option<usize>,
    /// No span of its session is sent after it.
    pub last: bool,
}

// === impl Template ===

impl Template {
    /// Encodes a request whose ids are marks; `ids` are those of its spans in turn.
    pub fn new(request: &ExportTraceServiceRequest, ids: impl Iterator<Item = Ids>) -> Self {
        let (body, mut at) = (request.encode_to_vec(), 0);
        let mut find = |mark: &[u8]| {
            let found = at + body[at..].windows(mark.len()).position(|window| window == mark).unwrap();
            at = found + mark.len();
            found
        };
        let place = |ids: Ids| Place {
            trace_at: find(&mark(ids.trace)),
            // It is among the attributes, which are encoded after the trace id.
            conversation: ids.conversation.map(|number| (find(conversation_mark(number).as_bytes()), number)),
            ids,
        };
        let places = ids.map(place).collect();
        Self { body, places }
    }
}

/// The requests of an SDK.
#[allow(dead_code, reason = "`benches/parts.rs` uses it")]
pub fn templates(args: &Args) -> Vec<Template> {
    templates_of(args, Form::Sdk)
}

/// The requests. A session's spans are spread over all of a round of templates.
pub fn templates_of(args: &Args, form: Form) -> Vec<Template> {
    let mut dice = Dice::new();
    // Whole sessions over the round, dealt out in turn as they interleave.
    let total = round(args).max(SESSIONS * args.session).next_multiple_of(args.spans);
    let mut open: Vec<(usize, usize, usize)> = Vec::new();
    let (mut next, mut order) = (0, Vec::with_capacity(total));
    while order.len() < total {
        // Every session ends within the round: none is opened that would not.
        let mut promised: usize = open.iter().map(|(_, done, spans)| spans - done).sum();
        while open.len() < args.interleaved && order.len() + promised < total {
            let spans = (args.session / 2 + dice.roll(args.session + 1)).clamp(1, total - order.len() - promised);
            open.push((next, 0, spans));
            (next, promised) = (next + 1, promised + spans);
        }
        let at = dice.roll(open.len());
        let (session, done, spans) = &mut open[at];
        order.push(Step::new(*session, *done, *spans));
        *done += 1;
        if done == spans {
            open.swap_remove(at);
        }
    }
    order.chunks(args.spans).map(|chunk| template(chunk, form, &mut dice)).collect()
}

/// The requests of sessions that are far apart: each has one span of as many sessions as it has spans, the n-th of
/// them all the n-th.
pub fn sparse_templates(args: &Args, form: Form) -> Vec<Template> {
    let mut dice = Dice::new();
    let step = |number| move |session| Step::of_one_trace(session, number, args.session);
    let nth = |number| (0..args.spans).map(step(number)).collect::<Vec<_>>();
    (0..args.session).map(|number| template(&nth(number), form, &mut dice)).collect()
}

fn template(steps: &[Step], form: Form, dice: &mut Dice) -> Template {
    let mut spans: Vec<_> = steps.iter().map(|step| (*step, content::span(step, dice))).collect();
    // Within a scope they stay in the order in which they ended.
    spans.sort_by_key(|(step, _)| form.place(step));
    let request = ExportTraceServiceRequest { resource_spans: form.wrap(&spans) };
    Template::new(&request, spans.iter().map(|(step, _)| step.ids()))
}

/// Least spans in all templates.
pub fn round(args: &Args) -> usize {
    args.spans * TEMPLATES.max(ROUND / args.spans)
}

/// The id of a trace in a template.
pub fn mark(trace: usize) -> Vec<u8> {
    [&[0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed, 0xfa, 0xce], &(trace as u64).to_be_bytes()[..]].concat()
}

/// The id of a conversation in a template: as long as the ids that replace it.
pub fn conversation_mark(session: usize) -> String {
    format!("deadbeeffeedface{session:016x}")
}
